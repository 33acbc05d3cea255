"""Numbers that others report, for tables; every one names its source."""

from dataclasses import dataclass

GENSTEREO = "GenStereo, ICCV 2025, table 2"


@dataclass(frozen=True)
class Published:
    """Means of a method as reported; metrics that are not reported are left out."""

    method: str
    metrics: dict[str, float]
    source: str


def _row(method: str, psnr: float, ssim: float) -> Published:
    return Published(method, {"psnr": psnr, "ssim": ssim}, GENSTEREO)


# By group of scenes. Their SSIM's window is not stated; ours is in the table's caption.
PUBLISHED: dict[str, tuple[Published, ...]] = {
    "Middlebury 2014": (
        _row("StereoDiffusion (SD 1.5)", 15.456, 0.468),
        _row("SD inpainting (SD 1.5)", 15.740, 0.412),
        _row("GenStereo (pseudo disparity)", 25.142, 0.911),
    ),
    "KITTI 2015": (
        _row("StereoDiffusion (SD 1.5)", 15.679, 0.481),
        _row("SD inpainting (SD 1.5)", 9.792, 0.230),
        _row("GenStereo (pseudo disparity)", 23.488, 0.849),
    ),
}
PUBLISHED["KITTI stereo 2015"] = PUBLISHED["KITTI 2015"]

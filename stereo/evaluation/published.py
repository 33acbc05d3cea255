"""Numbers that others report, for tables."""

SOURCE = "GenStereo, ICCV 2025, table 2"
Metrics = dict[str, float]


def _metrics(psnr: float, ssim: float) -> Metrics:
    return {"psnr": psnr, "ssim": ssim}


# Means by group of scenes and by method. Their SSIM's window is not stated; ours is in the table's
# caption.
PUBLISHED: dict[str, dict[str, Metrics]] = {
    "Middlebury 2014": {
        "StereoDiffusion (SD 1.5)": _metrics(15.456, 0.468),
        "SD inpainting (SD 1.5)": _metrics(15.740, 0.412),
        "GenStereo (pseudo disparity)": _metrics(25.142, 0.911),
    },
    "KITTI 2015": {
        "StereoDiffusion (SD 1.5)": _metrics(15.679, 0.481),
        "SD inpainting (SD 1.5)": _metrics(9.792, 0.230),
        "GenStereo (pseudo disparity)": _metrics(23.488, 0.849),
    },
}
PUBLISHED["KITTI stereo 2015"] = PUBLISHED["KITTI 2015"]

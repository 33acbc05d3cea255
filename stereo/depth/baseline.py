"""A real baseline: depth in metres becomes the disparity of two cameras side by side, f B / Z."""

import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stereo.options import check_fields, option

if TYPE_CHECKING:
    from stereo.depth.kinds import DepthMap
    from stereo.depth.networks import PictureNetwork

# A larger share of the width is no pair for eyes.
MAX_SHIFT_SHARE = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BaselineOptions:
    """The two cameras whose views are made, for depth networks that give metres."""

    baseline_cm: float | None = option(
        None,
        "instead of --scale_factor the distance between two real cameras, as of the eyes 6.3: "
        "needs best and a depth network that gives metres",
        low=0.01,
        high=10_000,
    )
    convergence_m: float | None = option(
        None,
        "with --baseline_cm, the distance that lies in the plane of the screen (default: infinity)",
        low=0.01,
        high=100_000,
    )
    fov_deg: float | None = option(
        None,
        "with --baseline_cm, the picture's horizontal field of view (default: by the photo's EXIF "
        "focal length, else by the network's)",
        low=1,
        high=170,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("convergence_m", "fov_deg"):
            if getattr(self, name) is not None and self.baseline_cm is None:
                raise ValueError(f"{name}: got it without baseline_cm, which it goes with")


@dataclass(frozen=True)
class RealBaseline:
    """A depth model whose maps are pixels: called with (H, W, 3) it gives disparity (h, w).

    Attributes:
        network: gives metres.
        options: the cameras.
        photo_focal_widths: focal length in widths of the picture, as the photo's EXIF has it.
        assumed: of each picture so far, what its disparity was made with, JSON-able.
    """

    network: "PictureNetwork"
    options: BaselineOptions
    photo_focal_widths: float | None = None
    assumed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the network's name."""
        return self.network.name

    @property
    def kind(self) -> str:
        """Return what the network gives."""
        return self.network.kind

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return disparity in pixels of the image, positive in front of the screen.

        Raises:
            ValueError: when nobody knows the focal length, or when shifts leave the picture.
        """
        from stereo.depth.kinds import to_metres

        depth, width = self.network.estimate(image), image.shape[1]
        focal_widths, origin = self._focal(depth)
        scale = focal_widths * width * self.options.baseline_cm / 100  # px m
        screen_m = self.options.convergence_m or math.inf
        disparity_px = scale / to_metres(depth, focal_widths) - scale / screen_m
        largest_px = float(np.abs(disparity_px).max())
        if largest_px > MAX_SHIFT_SHARE * width:
            raise ValueError(
                f"baseline_cm: got {self.options.baseline_cm:g}, which shifts by up to "
                f"{largest_px:.0f} px, expected at most half of the width of {width} px"
            )
        focal_px = round(focal_widths * width, 1)
        log.info(
            "baseline: %g cm, focal length %g px of %d (%s), screen at %g m",
            *(self.options.baseline_cm, focal_px, width, origin, screen_m),
        )
        self.assumed.append({**vars(self.options), "focal_px": focal_px, "focal_from": origin})
        return disparity_px.astype(np.float32)

    def _focal(self, depth: "DepthMap") -> tuple[float, str]:
        """Return the focal length in widths of the picture, and who says so."""
        given = self.options.fov_deg
        if given is not None:
            return 0.5 / math.tan(math.radians(given) / 2), "fov_deg"
        if self.photo_focal_widths is not None:
            return self.photo_focal_widths, "EXIF"
        if depth.focal_widths is not None:
            return depth.focal_widths, "network"
        raise ValueError(
            "fov_deg: missing, and neither the photo's EXIF nor the network knows the focal length"
        )

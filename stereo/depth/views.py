"""A depth network's map averaged over views of one picture: mirrored, and with a margin."""

from dataclasses import dataclass

import cv2
import numpy as np

from stereo.depth.disparity import DepthModel, network_record, predict_disparity

# Each view, in this order: is it mirrored, and how wide a margin, in shares of the sides, makes
# what is in the picture smaller for a network that resizes all pictures to its own size.
VIEWS = ((False, 0.0), (True, 0.0), (False, 0.125), (True, 0.125))


@dataclass(frozen=True)
class AveragedViews:
    """A depth model that looks at the first `views` of `VIEWS` and takes the mean of its maps."""

    depth_model: DepthModel
    views: int

    @property
    def name(self) -> str:
        """Return the network's name, and how often it looked."""
        return f"{network_record(self.depth_model)['depth_network']}, mean of {self.views} views"

    @property
    def kind(self) -> str:
        """Return what the network gives."""
        return network_record(self.depth_model)["depth_kind"]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return disparity (H, W) float32 of an image (H, W, 3), in the first map's units."""
        maps = [self._seen(image, *view) for view in VIEWS[: self.views]]
        return np.mean([maps[0], *(_aligned(other, maps[0]) for other in maps[1:])], axis=0)

    def _seen(self, image: np.ndarray, mirrored: bool, margin: float) -> np.ndarray:
        height, width = image.shape[:2]
        rows, columns = round(margin * height), round(margin * width)
        view = cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_REFLECT_101)
        turn = slice(None, None, -1 if mirrored else 1)
        found = predict_disparity(self.depth_model, np.ascontiguousarray(view[:, turn]))
        return found[:, turn][rows : rows + height, columns : columns + width]


def _aligned(disparity: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Scale and shift a relative map so that it is nearest to another one, by least squares."""
    mean, target = disparity.mean(), reference.mean()
    around = disparity - mean
    spread = float((around**2).mean())
    scale = float((around * (reference - target)).mean()) / spread if spread else 0.0
    return (around * scale + target).astype(np.float32)

"""Contact sheets: a scene's views, anaglyph, error and mask, and its largest hole, side by side."""

import cv2
import numpy as np

from stereo.evaluation.files import RunFolder, read_mask, write_image
from stereo.evaluation.infer import read_scene
from stereo.formats.anaglyph import RED_CYAN, anaglyph
from stereo.images import read_image

CAPTION_PX, MARGIN_PX = 22, 4
LETTERS = 0.45
# Differences of this many levels and more are shown at full brightness.
ERROR_FULL_LEVELS = 64
MISSING_GREY = 40
# Side of the close-up, as a share of the view's shorter one.
CLOSE_UP_SHARE = 0.25
HOLE, OCCLUDED, BOTH = (220, 60, 40), (50, 90, 220), (230, 200, 60)


def write_sheet(folder: RunFolder, method: str, scene_name: str) -> None:
    """Write a scene's sheet, unless it is newer than its view or there is no view.

    Raises:
        ValueError: when a picture is damaged.
        OSError: when one cannot be read.
    """
    view, sheet = folder.view(method, scene_name), folder.sheet(method, scene_name)
    prepared = folder.scene(scene_name)
    if not folder.has_view(method, scene_name) or not prepared.is_file():
        return
    newest = max(path.stat().st_mtime_ns for path in (view, prepared))
    if sheet.is_file() and sheet.stat().st_mtime_ns > newest:
        return
    scene, right = read_scene(folder, scene_name), read_image(view)
    mask = folder.valid(method, scene_name)
    valid = read_mask(mask) if mask.is_file() else np.ones(right.shape[:2], bool)
    if right.shape != scene.left.shape or valid.shape != scene.visible.shape:
        return
    truth = np.full_like(right, MISSING_GREY) if scene.right is None else scene.right
    error = error_map(right, truth) if scene.right is not None else truth
    panels = (
        ("left", scene.left),
        (method, right),
        ("true right" if scene.right is not None else "no true right", truth),
        (f"error, white = {ERROR_FULL_LEVELS}+ levels", error),
        ("red: hole, blue: occluded, yellow: both", masks(right, valid, scene.visible)),
        ("anaglyph, red-cyan", anaglyph(scene.left, right, RED_CYAN)),
        (f"{method}, most occluded", close_up(right, scene.visible)),
        ("the same, true", close_up(truth, scene.visible)),
    )
    write_image(sheet, np.concatenate([captioned(text, image) for text, image in panels], axis=1))


def error_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the largest difference of the three channels as grey (H, W, 3) uint8."""
    difference = np.abs(output.astype(np.int16) - target).max(axis=2)
    grey = (difference.clip(0, ERROR_FULL_LEVELS) * 255 // ERROR_FULL_LEVELS).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def masks(image: np.ndarray, valid: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Colour a dimmed view (H, W, 3) by what is a hole and what the left eye does not see."""
    shown = image // 3
    shown[~valid & visible] = HOLE
    shown[valid & ~visible] = OCCLUDED
    shown[~valid & ~visible] = BOTH
    return shown


def close_up(image: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Enlarge the square of a view (H, W, 3) that holds most of what the left eye does not see.

    It comes back H high and is the same for every method. `visible` is (H, W) bool.
    """
    height = image.shape[0]
    side = max(1, round(CLOSE_UP_SHARE * min(image.shape[:2])))
    counts = cv2.boxFilter(
        (~visible).astype(np.float32), -1, (side, side), anchor=(0, 0), normalize=False
    )[: height - side + 1, : image.shape[1] - side + 1]
    top, left = np.unravel_index(int(counts.argmax()), counts.shape)
    part = image[top : top + side, left : left + side]
    return cv2.resize(part, (height, height), interpolation=cv2.INTER_CUBIC)


def captioned(text: str, image: np.ndarray) -> np.ndarray:
    """Return an image with a line of text above it, in letters that fit its width."""
    width, font = image.shape[1], cv2.FONT_HERSHEY_SIMPLEX
    needed = cv2.getTextSize(text, font, LETTERS, 1)[0][0]
    letters = min(LETTERS, LETTERS * (width - 2 * MARGIN_PX) / max(needed, 1))
    bar = np.zeros((CAPTION_PX, width, 3), np.uint8)
    place, white = (MARGIN_PX, CAPTION_PX - 7), (255, 255, 255)
    cv2.putText(bar, text, place, font, letters, white, 1, cv2.LINE_AA)
    return np.concatenate([bar, image])

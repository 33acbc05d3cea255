"""Pictures that a training run writes as it goes."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from ldm.files import whole_file

CURVE_SIZE_PX = (800, 400)
MARGIN_PX = 40
SMOOTHING = 0.9


def save_picture(path: Path, picture: Tensor) -> None:
    """Write (3, H, W) in [0, 1] as a PNG."""
    pixels = (picture.permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    _save(path, Image.fromarray(pixels))


def save_curve(table: Path, path: Path) -> None:
    """Draw the column `loss` of a CSV file over `step`, both raw and smoothed, log scale."""
    if not table.is_file():
        return
    with table.open(newline="") as file:
        rows = [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    points = np.array([row for row in rows if row[1] > 0])
    if len(points) >= 2:
        _save(path, draw_curve(points[:, 0], points[:, 1]))


def draw_curve(step: np.ndarray, loss: np.ndarray) -> Image.Image:
    """Return the picture of a loss curve with the range written at its axes."""
    width, height = CURVE_SIZE_PX
    image = Image.new("RGB", CURVE_SIZE_PX, "white")
    draw = ImageDraw.Draw(image)
    low, high = loss.min(), max(loss.max(), loss.min() * 1.0001)
    x = MARGIN_PX + (step - step[0]) / max(step[-1] - step[0], 1) * (width - 2 * MARGIN_PX)
    for values, colour in ((loss, "lightgray"), (smooth(loss), "navy")):
        share = np.log(values / low) / np.log(high / low)
        y = height - MARGIN_PX - share * (height - 2 * MARGIN_PX)
        draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=colour, width=2)
    draw.text((5, MARGIN_PX), f"{high:.4g}", fill="black")
    draw.text((5, height - MARGIN_PX), f"{low:.4g}", fill="black")
    draw.text((width - 2 * MARGIN_PX, height - MARGIN_PX / 2), f"step {step[-1]:.0f}", fill="black")
    return image


def smooth(values: np.ndarray) -> np.ndarray:
    """Return the exponential average of `values`, without lag at its start."""
    out, average, weight = [], 0.0, 0.0
    for value in values:
        average = SMOOTHING * average + (1 - SMOOTHING) * value
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        out.append(average / weight)
    return np.array(out)


def _save(path: Path, image: Image.Image) -> None:
    with whole_file(path) as partial:
        image.save(partial, format="PNG")

"""The photo workflow against the truth: a held-out scene's left view in, its right view wanted.

As in the paper's protocol, the true disparity of the left view is given. The method puts its
farthest plane at zero parallax and takes one scale, so that scale is the scene's true range of
disparity, and the true right view is moved right by its smallest disparity: the same scene seen
with converged eyes. Columns that this brings in from outside do not count.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from shapes.report.bench import Bench
from shapes.report.generate import to_uint8
from shapes.report.line import Line
from shapes.world.scenes import render_scenes
from shapes.world.seeds import HELD_OUT_FIRST_SEED
from stereo.evaluation.metrics import psnr
from stereo.options import SamplingOptions, StereoOptions, preset
from stereo.pipelines import SAMPLING, image_to_stereo

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One held-out scene: left and converged right (H, W, 3) uint8, disparity (H, W) in pixels.

    The first `converged_px` columns of the right view are unknown.
    """

    left: np.ndarray
    right: np.ndarray
    disparity_px: np.ndarray
    converged_px: int

    @property
    def scale_percent(self) -> float:
        """Return the true range of disparity in percent of the width."""
        return 100 * float(np.ptp(self.disparity_px)) / self.disparity_px.shape[1]

    def psnr(self, right: np.ndarray) -> float:
        """Return the PSNR in dB of a right view (H, W, 3) uint8 where the truth is known."""
        return psnr(right[:, self.converged_px :], self.right[:, self.converged_px :])


def measure_photo(bench: Bench) -> list[Line]:
    """Measure right views against the truth, beside copying the left and no attention edit."""
    trials = draw_trials(bench.settings.photo_scenes)
    sampling = replace(SAMPLING, steps=bench.settings.steps)
    options = preset("paper")
    plain = preset("paper", shared_attention=False)
    copied = [trial.psnr(trial.left) for trial in trials]
    ours, unshared = [], []
    for trial in trials:
        ours.append(trial.psnr(right_view(bench, trial, options, sampling)))
        unshared.append(trial.psnr(right_view(bench, trial, plain, sampling)))
        log.info("photo %d: %.2f dB, edit off %.2f dB", len(ours), ours[-1], unshared[-1])
    return photo_lines(ours, copied, unshared)


def photo_lines(ours: list[float], copied: list[float], unshared: list[float]) -> list[Line]:
    """Return the two lines of the photo workflow from the PSNR of each scene."""
    made, copy, plain = (float(np.mean(values)) for values in (ours, copied, unshared))
    wins = sum(a > b for a, b in zip(ours, unshared, strict=True))
    name = "photo workflow, preset paper, true disparity given: right-view PSNR above"
    return [
        Line(
            f"{name} copying the left view",
            made - copy,
            5,
            "dB",
            len(ours),
            f"{made:.2f} dB against {copy:.2f} dB",
        ),
        Line(
            f"{name} the same without the attention edit",
            made - plain,
            0,
            "dB",
            len(ours),
            f"{made:.2f} dB against {plain:.2f} dB; better in {wins} of {len(ours)} scenes",
        ),
    ]


def right_view(
    bench: Bench, trial: Trial, options: StereoOptions, sampling: SamplingOptions
) -> np.ndarray:
    """Run the photo workflow on a trial; returns the right view (H, W, 3) uint8."""
    scaled = replace(options, scale_percent=trial.scale_percent)
    pair = image_to_stereo(
        bench.model,
        bench.depth_model,
        trial.left,
        options=scaled,
        sampling=sampling,
        disparity=trial.disparity_px,
    )[0]
    return pair.right


def draw_trials(count: int, *, size_px: int = 256) -> list[Trial]:
    """Render held-out scenes."""
    scenes = render_scenes(range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + count), size_px=size_px)
    return [
        converge(left, right, disparity)
        for left, right, disparity in zip(
            to_uint8(scenes.left),
            to_uint8(scenes.right),
            scenes.disparity_left_px.numpy(),
            strict=True,
        )
    ]


def converge(left: np.ndarray, right: np.ndarray, disparity_px: np.ndarray) -> Trial:
    """Move the right view so that the farthest point, to the pixel, has no parallax."""
    farthest_px = int(round(float(disparity_px.min())))
    return Trial(
        left, np.roll(right, farthest_px, axis=1), disparity_px.astype(np.float32), farthest_px
    )

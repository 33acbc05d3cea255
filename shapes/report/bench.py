"""What the figures are measured with: settings, and models that are loaded when first asked for."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.files import file_digest, whole_file
from ldm.known_files import MIDAS_MODELS, MODELS, ROOT, describe_missing
from shapes.report.generate import Sampling
from shapes.report.judge import Judge
from shapes.report.judge_training import (
    JudgeSettings,
    describe_settings,
    held_out_scenes,
    judge_accuracy,
    train_judge,
    training_scenes,
)
from stereo.runtime.guidance import EMBEDDED_GUIDANCE

if TYPE_CHECKING:
    from dpt.models import DPTDepthModel
    from ldm.models.diffusion.ddpm import LatentDiffusion

# What makes the figures.
CODE = ("ldm/**/*.py", "dpt/**/*.py", "stereo/**/*.py", "shapes/**/*.py")
# What decides about the judge, which learns for minutes, beside its settings.
JUDGE_CODE = ("shapes/world/*.py", "shapes/report/judge*.py")

log = logging.getLogger(__name__)

JUDGE_TEST_SCENES = 300
SCENES_PER_PHOTO = 8


@dataclass(frozen=True)
class Weights:
    """The three embedded files."""

    text: Path = ROOT / MODELS / "shapes.safetensors"
    depth: Path = ROOT / MODELS / "shapes-depth.safetensors"
    dpt: Path = ROOT / MIDAS_MODELS / "shapes-dpt.safetensors"


@dataclass(frozen=True)
class Settings:
    """How much is measured, and how.

    Attributes:
        count: prompts or scenes a figure; the photo workflow takes an eighth, at least 2.
        steps: DDIM steps of every picture.
        guidance_scale: of pictures from prompts.
        photos: real photographs, for the autoencoder.
        pairs: JSON list of real pairs with disparity, for the depth network.
        judge: how the judge of shapes is trained.
    """

    count: int = 32
    steps: int = 20
    guidance_scale: float = EMBEDDED_GUIDANCE
    photos: tuple[Path, ...] = ()
    pairs: Path | None = None
    judge: JudgeSettings = JudgeSettings()

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(f"count: got {self.count}, expected 2 or more, to compare with")

    @property
    def photo_scenes(self) -> int:
        """Return the number of scenes for the photo workflow, which is the slow one."""
        return max(2, self.count // SCENES_PER_PHOTO)

    @property
    def sampling(self) -> Sampling:
        """Return how pictures are made from prompts."""
        return Sampling(self.steps, self.guidance_scale)


@dataclass
class Bench:
    """Settings, weights and a folder for what is worth keeping."""

    settings: Settings
    folder: Path
    weights: Weights = field(default_factory=Weights)

    @cached_property
    def model(self) -> "LatentDiffusion":
        """Load the text-to-image model."""
        from stereo.runtime.models import load_model

        return load_model("text", ckpt=self.weights.text)

    @cached_property
    def depth_conditioned(self) -> "LatentDiffusion":
        """Load the depth-conditioned model."""
        from stereo.runtime.models import load_model

        return load_model("depth", ckpt=self.weights.depth)

    @cached_property
    def depth_model(self) -> "DPTDepthModel":
        """Load the depth network."""
        from stereo.depth.loading import load_depth_model

        return load_depth_model(self.weights.dpt)

    @cached_property
    def judge(self) -> Judge:
        """Return the trained judge, from the folder where it is there."""
        return self._judge[0]

    @cached_property
    def judge_accuracy(self) -> float:
        """Return the judge's accuracy on held-out scenes."""
        return self._judge[1]

    @cached_property
    def _judge(self) -> tuple[Judge, float]:
        told = json.dumps(describe_settings(self.settings.judge), sort_keys=True)
        digest = hashlib.sha256(told.encode() + code_digest(JUDGE_CODE)).hexdigest()[:12]
        path = self.folder / f"judge-{digest}.safetensors"
        if path.is_file():
            return read_judge(path)
        log.info("judge: rendering %d scenes to learn from", self.settings.judge.scenes)
        judge = train_judge(training_scenes(self.settings.judge), self.settings.judge)
        accuracy = judge_accuracy(judge, held_out_scenes(JUDGE_TEST_SCENES))
        log.info("judge: names %.1f %% of held-out shapes", 100 * accuracy)
        write_judge(path, judge, accuracy)
        return judge, accuracy


def read_judge(path: Path) -> tuple[Judge, float]:
    """Read a judge and its accuracy."""
    from dpt.weights import read_tensors

    tensors, metadata = read_tensors(path)
    judge = Judge()
    judge.load_state_dict(tensors)
    return judge.eval().requires_grad_(False), float(metadata["accuracy"])


def write_judge(path: Path, judge: Judge, accuracy: float) -> None:
    """Write a judge and its accuracy; the file appears whole or not at all."""
    from safetensors.torch import save_file

    state = {name: tensor.contiguous() for name, tensor in judge.state_dict().items()}
    with whole_file(path) as partial:
        save_file(state, str(partial), metadata={"accuracy": repr(accuracy)})


def fingerprint(paths: list[Path], told: dict) -> str:
    """Return a digest of weight files, settings and code, which a measured figure belongs to.

    Raises:
        FileNotFoundError: a file is not there.
    """
    from ldm.stored import checkpoint_digest

    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(describe_missing(path))
        digest.update(checkpoint_digest(path).encode())
    digest.update(code_digest(CODE))
    return digest.hexdigest()[:20]


@cache
def code_digest(patterns: tuple[str, ...]) -> bytes:
    """Return a digest of the repository's files that match."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for source in sorted(ROOT.glob(pattern)):
            digest.update(source.read_bytes())
    return digest.digest()


def told_settings(settings: Settings) -> dict:
    """Return settings JSON-able; files by their names and contents."""
    told = asdict(settings)
    told["photos"] = [[path.name, file_digest(path)] for path in settings.photos]
    told["pairs"] = settings.pairs and [settings.pairs.name, file_digest(settings.pairs)]
    return told

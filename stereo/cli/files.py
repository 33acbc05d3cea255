"""What the scripts read and write: pictures with their disparity maps, and numbered results."""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stereo.cli.types import check_writable
from stereo.comfort.report import comfort_line
from stereo.formats import DEFAULT_FORMATS, save_grid, save_pair
from stereo.pair import StereoPair

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

MAP_SUFFIXES = (".npy", ".pfm", ".png", ".tif", ".tiff", ".jpg")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture (H, W, 3) uint8 and the user's disparity (H, W) for it, where there is one."""

    path: Path
    image: np.ndarray
    disparity: np.ndarray | None

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (width, height)."""
        return self.image.shape[1], self.image.shape[0]


def list_pictures(args: argparse.Namespace, argument: str) -> list[Path]:
    """Return the pictures that an argument names: a file, a folder or a pattern.

    A single one is read at once, so that nobody waits for a model to hear that it is bad.

    Raises:
        ValueError: when the only picture, or its map, cannot be used, or when results would lie
            among the pictures of a folder, and be taken for pictures the next time.
        OSError: when there is no picture, or the only one cannot be read.
    """
    from stereo.images import list_images, read_image

    given = getattr(args, argument)
    try:
        paths = list_images(given)
        alone = read_image(paths[0]) if len(paths) == 1 else None
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{argument}: {error}") from error
    if alone is not None:
        read_map(args, size_px=(alone.shape[1], alone.shape[0]), name=paths[0].stem)
    if not given.is_file() and args.outdir.resolve() in {path.resolve().parent for path in paths}:
        raise ValueError(
            f"outdir: got {args.outdir}, where the pictures lie, expected another folder, as "
            "results would be taken for pictures the next time"
        )
    return paths


def read_picture(path: Path, args: argparse.Namespace) -> Picture:
    """Read a picture and, with `--disparity`, its map at its size.

    Raises:
        ValueError: when either cannot be used.
        OSError: when either cannot be read.
    """
    from stereo.images import read_image

    image = read_image(path)
    size_px = (image.shape[1], image.shape[0])
    return Picture(path, image, read_map(args, size_px=size_px, name=path.stem))


def read_map(
    args: argparse.Namespace, *, size_px: tuple[int, int], name: str | None = None
) -> np.ndarray | None:
    """Read the map of `--disparity`, or of `name` in that folder, at size (width, height).

    Returns None without the option.
    """
    from stereo.depth.disparity import read_disparity

    path = find_map(args, name)
    if path is None:
        return None
    return read_disparity(
        path, size_px=size_px, is_depth=args.depth, may_be_flat=args.metric_disparity
    )


def find_map(args: argparse.Namespace, name: str | None = None) -> Path | None:
    """Return the map of `--disparity`, or of `name` in that folder; None without the option."""
    folder = args.disparity
    if folder is None or not folder.is_dir():
        return folder
    if name is None:
        raise ValueError(f"disparity: {folder} is a folder, expected a file")
    candidates = [folder / f"{name}{suffix}" for suffix in MAP_SUFFIXES]
    found = [path for path in candidates if path.is_file()]
    if not found:
        raise FileNotFoundError(f"disparity: no map {name}.* in {folder}")
    return found[0]


class Results:
    """Saves a run's pairs under `--outdir` in the chosen formats, and its grid at the end."""

    def __init__(self, args: argparse.Namespace, arguments: Sequence[str] | None) -> None:
        """Remember the command, so that every file can tell how to make it again.

        Raises:
            OSError: when the folder cannot be written to.
        """
        check_writable(args.outdir, "outdir")
        given = sys.argv[1:] if arguments is None else arguments
        self._outdir: Path = args.outdir
        self._formats = args.format or DEFAULT_FORMATS
        self._rows: int = args.n_rows
        self._seed: int = args.seed
        self._model_options = {
            name: getattr(args, name)
            for name in ("parameterization", "depth")
            if getattr(args, name)
        }
        if args.config is not None:
            self._model_options["config"] = _readable(args.config)
        self._command = shlex.join(["python", Path(sys.argv[0]).name, *given])
        self._saved: list[StereoPair] = []

    def save(
        self,
        pairs: Sequence[StereoPair],
        model: "LatentDiffusion",
        *,
        prefix: str = "",
        mark: str = "",
        **inputs: Path | None,
    ) -> None:
        """Write pairs; says the first path of each on stdout, and how comfortable it is.

        Their settings also get the `inputs` that there are, how the model ran, the command, and
        the fingerprint `mark` by which a later run knows them.
        """
        known = {key: _readable(path) for key, path in inputs.items() if path is not None}
        known |= {"fingerprint": mark, "seed_given": self._seed} if mark else {}
        known |= self._model_options
        known |= {"device": str(model.device), "dtype": str(model.dtype).removeprefix("torch.")}
        for pair in pairs:
            pair = replace(pair, settings={**pair.settings, **known, "command": self._command})
            paths = save_pair(pair, self._outdir, prefix=prefix, formats=self._formats)
            report = pair.settings.get("comfort_report")
            comfort = f"{comfort_line(report)}\n" if report else ""
            sys.stdout.write(f"{paths[0]}\n{comfort}")
            sys.stdout.flush()
            log.debug("beside it: %s", " ".join(path.name for path in paths[1:]))
            if self._rows:
                self._saved.append(pair)

    def finish(self) -> None:
        """Write the grid that `--n_rows` asked for."""
        if self._saved:
            sys.stdout.write(f"{save_grid(self._saved, self._outdir, rows=self._rows)}\n")


def _readable(path: Path) -> str:
    """Return a path as a string, relative to the working folder where it lies under it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)

"""What the scripts read: prompts, and pictures with the user's disparity maps."""

import glob
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo.images import list_images, read_image

MAP_SUFFIXES = (".npy", ".pfm", ".png", ".tif", ".tiff", ".jpg")
PICTURE_OPTIONS = {"depth": "init_img", "image": "img_path"}


@dataclass(frozen=True)
class Item:
    """One input of a run: a prompt, or a picture.

    Attributes:
        name: the prompt's text or the picture's file name, on which its seeds depend.
        path: of the picture.
        image: the picture, (H, W, 3) uint8.
        map_path: of the user's map, where there is one.
        disparity: read from it, (H, W) float32.
    """

    name: str
    path: Path | None = None
    image: np.ndarray | None = None
    map_path: Path | None = None
    disparity: np.ndarray | None = None

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Return the picture's (width, height)."""
        return None if self.image is None else (self.image.shape[1], self.image.shape[0])


def list_pictures(args: Namespace, argument: str) -> list[Path]:
    """Return the pictures that an argument names: a file, a folder or a pattern.

    A single one is read at once, so that nobody waits for a model to hear that it is bad.

    Raises:
        ValueError: when the only picture, or its map, cannot be used, or when results would lie
            among the pictures of a folder, and be taken for pictures the next time.
        OSError: when there is no picture, or the only one cannot be read.
    """
    given = getattr(args, argument)
    try:
        paths = list_images(given)
        alone = read_image(paths[0]) if len(paths) == 1 else None
    except (FileNotFoundError, ValueError) as error:
        raise type(error)(f"{argument}: {error}") from error
    if alone is not None:
        _read_map(args, (alone.shape[1], alone.shape[0]), paths[0].stem)
    if not given.is_file() and args.outdir.resolve() in {path.resolve().parent for path in paths}:
        raise ValueError(
            f"outdir: got {args.outdir}, where the pictures lie, expected another folder, as "
            "results would be taken for pictures the next time"
        )
    return paths


def read_picture(path: Path, args: Namespace) -> Item:
    """Read a picture and, with `--disparity`, its map at its size.

    Raises:
        ValueError: when either cannot be used.
        OSError: when either cannot be read.
    """
    image = read_image(path)
    disparity = _read_map(args, (image.shape[1], image.shape[0]), path.stem)
    return Item(path.name, path, image, _find_map(args, path.stem), disparity)


def read_prompt(prompt: str, args: Namespace, *, size_px: tuple[int, int]) -> Item:
    """Pair a prompt with the map of `--disparity`, at the picture's size (width, height)."""
    disparity = _read_map(args, size_px, None)
    return Item(prompt, map_path=_find_map(args, None), disparity=disparity)


def _read_map(args: Namespace, size_px: tuple[int, int], name: str | None) -> np.ndarray | None:
    path = _find_map(args, name)
    if path is None:
        return None
    from stereo.depth.disparity import read_disparity  # needs torch

    return read_disparity(
        path, size_px=size_px, is_depth=args.depth, may_be_flat=args.metric_disparity
    )


def _find_map(args: Namespace, name: str | None) -> Path | None:
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


def read_prompts(args: Namespace) -> list[str]:
    """Return the prompts of `--from-file`, empty lines left out, or the one of `--prompt`.

    Raises:
        ValueError: when the files hold none, or are no text.
        OSError: when there is none, or one cannot be read.
    """
    if args.from_file is None:
        return [args.prompt]
    prompts = []
    for path in _list_texts(args.from_file):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"from-file: {path} is not UTF-8 text") from error
        prompts += [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise ValueError(f"from-file: {args.from_file} holds no prompt")
    return prompts


def _list_texts(path: Path) -> list[Path]:
    """Return the text files that a file, a folder (its *.txt) or a pattern names, sorted."""
    if path.is_file():
        return [path]
    pattern = str(path / "*.txt") if path.is_dir() else str(path)
    texts = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
    if not texts:
        kind = "no *.txt in folder" if path.is_dir() else "no such file, folder or pattern:"
        raise FileNotFoundError(f"from-file: {kind} {path}")
    return texts

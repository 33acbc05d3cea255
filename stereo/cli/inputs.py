"""What the scripts read: prompts, and pictures with the user's disparity maps."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stereo.camera import focal_widths
from stereo.cli.command import one_line
from stereo.images import list_images, matches, open_image, to_rgb

EMBEDDED = Path("embedded")
MAX_TEXT_BYTES = 16 * 2**20
PICTURE_OPTIONS = {"depth": "init_img", "image": "img_path"}


@dataclass(frozen=True)
class Item:
    """One input of a run: a prompt, or a picture.

    Attributes:
        name: the prompt's text or the picture's file name.
        path: of the picture.
        image: the picture, (H, W, 3) uint8.
        map_path: of the user's map, where there is one.
        disparity: read from it, (H, W) float32.
        focal_widths: focal length by the picture's EXIF, in its widths.
    """

    name: str
    path: Path | None = None
    image: np.ndarray | None = None
    map_path: Path | None = None
    disparity: np.ndarray | None = None
    focal_widths: float | None = None

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Return the picture's (width, height)."""
        return None if self.image is None else (self.image.shape[1], self.image.shape[0])


def list_pictures(args: Namespace, argument: str) -> list[Path]:
    """Return the pictures that an argument names: a file, a folder or a pattern.

    Raises:
        ValueError: when results would lie among the pictures of a folder, and be taken for
            pictures the next time.
        OSError: when there is no picture.
    """
    given = getattr(args, argument)
    with _naming(argument):
        paths = list_images(given)
    if not given.is_file() and args.outdir.resolve() in {path.resolve().parent for path in paths}:
        raise ValueError(
            f"outdir: got {args.outdir}, where the pictures lie, expected another folder, as "
            "results would be taken for pictures the next time"
        )
    return paths


def read_picture(path: Path, args: Namespace, argument: str) -> Item:
    """Read a picture and, with `--disparity`, its map at its size.

    Raises:
        ValueError: when either cannot be used.
        OSError: when either cannot be read.
    """
    with _naming(argument):
        opened = open_image(path, max_megapixels=args.max_megapixels)
        image = to_rgb(opened, name=f"image {path}")
    disparity = _read_map(args, (image.shape[1], image.shape[0]), path)
    own_map = _find_map(args, path)
    return Item(path.name, path, image, own_map, disparity, focal_widths(opened))


@contextmanager
def _naming(argument: str) -> Iterator[None]:
    """Let errors name the argument that they are about."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise type(error)(f"{argument}: {one_line(error)}") from error


def read_prompt(prompt: str, args: Namespace, *, size_px: tuple[int, int]) -> Item:
    """Pair a prompt with the map of `--disparity`, at the picture's size (width, height)."""
    disparity = _read_map(args, size_px, None)
    return Item(prompt, map_path=_find_map(args, None), disparity=disparity)


def _read_map(args: Namespace, size_px: tuple[int, int], picture: Path | None) -> np.ndarray | None:
    path = _find_map(args, picture)
    if path is None:
        return None
    from stereo.depth.maps import read_disparity  # needs torch

    return read_disparity(
        path,
        kind=args.map or "near-bright",
        size_px=size_px,
        max_megapixels=args.max_megapixels,
    )


def _find_map(args: Namespace, picture: Path | None) -> Path | None:
    """Return the map of `--disparity`: a file, one in a folder, or the picture itself."""
    place = args.disparity
    if place == EMBEDDED and not place.exists():
        if picture is None:
            raise ValueError("disparity: got embedded, expected a file, as there is no picture")
        return picture
    if place is None or not place.is_dir():
        return place
    if picture is None:
        raise ValueError(f"disparity: {place} is a folder, expected a file")
    from stereo.depth.map_files import find_map

    return find_map(place, picture.stem)


def read_prompts(args: Namespace) -> list[str]:
    """Return the prompts of `--from-file`, empty lines left out, or the one of `--prompt`.

    Raises:
        ValueError: when the files hold none, or are no text.
        OSError: when there is none, or one cannot be read.
    """
    for name in ("prompt", "negative_prompt"):
        check_text(name, getattr(args, name, ""))
    if args.from_file is None:
        return [args.prompt]
    prompts = []
    for path in _list_texts(args.from_file):
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
        if len(content) > MAX_TEXT_BYTES:
            raise ValueError(f"from-file: {path} has more than {MAX_TEXT_BYTES >> 20} MiB of text")
        try:
            lines = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"from-file: {path} is not UTF-8 text") from error
        prompts += [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise ValueError(f"from-file: {args.from_file} holds no prompt")
    return prompts


def check_config(path: Path | None) -> None:
    """Raise FileNotFoundError, naming the option, where there is no such config."""
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"config: there is no file {path}")


def check_text(name: str, text: str) -> None:
    """Raise ValueError for an argument that is not Unicode, as bytes of another encoding."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: got {ascii(text)}, expected UTF-8 text") from error


def _list_texts(path: Path) -> list[Path]:
    """Return the text files that a file, a folder (its *.txt) or a pattern names, sorted."""
    if path.is_file():
        return [path]
    texts = [text for text in matches(path / "*.txt" if path.is_dir() else path) if text.is_file()]
    if not texts:
        kind = "no *.txt in folder" if path.is_dir() else "no such file, folder or pattern:"
        raise FileNotFoundError(f"from-file: {kind} {path}")
    return texts

"""Files of disparity and depth maps: found by name, read as the arrays that they store."""

import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stereo.images import (
    DAMAGE,
    MAX_MEGAPIXELS,
    check_file,
    check_pixels,
    open_image,
    picture_suffixes,
    reason,
)

# What NumPy, its archives and OpenEXR raise on damaged or hostile files.
ARRAY_DAMAGE = (*DAMAGE, tokenize.TokenError, zipfile.BadZipFile)
# In the wrong byte order most floats are far outside of this.
PLAUSIBLE = (1e-4, 1e5)
EXR_CHANNELS = ("Z", "V", "Y", "DEPTH", "DISPARITY")
ARRAY_SUFFIXES = (".npy", ".npz", ".pfm", ".exr")
NAME_ENDINGS = ("", "_disparity", "-disparity", "_disp", "-disp", "_depth", "-depth")


def find_map(folder: Path, name: str) -> Path:
    """Return the map of the picture called `name`, named as it or with `_depth` or the like.

    Raises:
        FileNotFoundError: when there is none.
    """
    suffixes = [*ARRAY_SUFFIXES, *sorted(picture_suffixes(), key=lambda end: (end != ".png", end))]
    files = [path for path in folder.iterdir() if path.is_file()]
    ranked = {
        (NAME_ENDINGS.index(path.stem[len(name) :]), suffixes.index(path.suffix.lower())): path
        for path in files
        if path.stem.startswith(name)
        and path.stem[len(name) :] in NAME_ENDINGS
        and path.suffix.lower() in suffixes
    }
    if not ranked:
        raise FileNotFoundError(f"disparity: no map {name}.* in {folder}")
    return ranked[min(ranked)]


def read_stored(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> np.ndarray:
    """Read what a map's file stores, an array of any shape and type.

    Raises:
        ValueError: when the file is damaged, or holds more than so many pixels.
    """
    check_file(path, what="disparity")
    readers = {".npy": _read_npy, ".npz": _read_npz, ".pfm": _read_pfm, ".exr": _read_exr}
    try:
        return readers.get(path.suffix.lower(), _read_picture)(path, max_megapixels)
    except ARRAY_DAMAGE as error:
        why = reason(error)
        named = why if why.startswith("disparity") else f"disparity {path} cannot be read: {why}"
        raise ValueError(named) from error


def _read_picture(path: Path, max_megapixels: float) -> np.ndarray:
    image = open_image(path, what="disparity", max_megapixels=max_megapixels)
    # The depth that a phone has stored inside a portrait.
    depths = image.info.get("depth_images")
    image = depths[0].to_pillow() if depths else image
    if image.mode in ("P", "PA", "CMYK", "YCbCr", "RGBA", "RGBX", "1"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L") if image.mode == "LA" else image)


def _read_npy(path: Path, max_megapixels: float) -> np.ndarray:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive, expected one array; call it .npz")
    check_pixels((int(array.size), 1), max_megapixels)
    return np.array(array)


def _read_npz(path: Path, max_megapixels: float) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        check_pixels((1, sum(each.file_size for each in archive.infolist()) // 8), max_megapixels)
    with np.load(path, allow_pickle=False) as arrays:
        if len(arrays.files) != 1:
            raise ValueError(f"it holds {', '.join(arrays.files) or 'nothing'}, expected one array")
        return arrays[arrays.files[0]]


def _read_pfm(path: Path, max_megapixels: float) -> np.ndarray:
    """Read a portable float map: rows stored bottom to top, byte order in the scale's sign."""
    with path.open("rb") as file:
        kind, size, scale = (file.readline(80).strip() for _ in range(3))
        try:
            channels = {b"Pf": 1, b"PF": 3}[kind]
            width, height = (int(number) for number in size.split())
            order, swapped = ("<f4", ">f4") if float(scale) < 0 else (">f4", "<f4")
        except (KeyError, ValueError) as error:
            raise ValueError(f"disparity: {path} has no PFM header") from error
        check_pixels((width, height), max_megapixels)
        expected, stored = width * height * channels * 4, path.stat().st_size - file.tell()
        if min(width, height) < 1 or stored != expected:
            raise ValueError(
                f"disparity: {path} is truncated or too long: {stored} bytes of pixels, expected "
                f"{expected} for {width}x{height}"
            )
        body = file.read(expected)
    values = np.frombuffer(body, order)
    if not _is_plausible(values) and _is_plausible(np.frombuffer(body, swapped)):
        raise ValueError(
            f"disparity: {path} holds no pixels as its header says (scale {float(scale):g}), but "
            "does in the other byte order; expected scale -1 for little-endian floats, 1 for big"
        )
    shape = (height, width) if channels == 1 else (height, width, channels)
    return values.reshape(shape)[::-1].astype(np.float32)


def _is_plausible(values: np.ndarray) -> bool:
    """Tell whether most values are of a size that disparity in pixels or network units has."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    low, high = PLAUSIBLE
    return not sizes.size or bool(np.mean((sizes > low) & (sizes < high)) > 0.9)


def _read_exr(path: Path, max_megapixels: float) -> np.ndarray:
    try:
        import OpenEXR
    except ImportError as error:
        raise ValueError("reading .exr needs: pip install OpenEXR") from error
    with OpenEXR.File(str(path), header_only=True) as file:
        low, high = (np.asarray(end) for end in file.header()["dataWindow"])
        check_pixels(tuple(int(n) for n in high - low + 1), max_megapixels)
    with OpenEXR.File(str(path)) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    return _depth_channel(channels)


def _depth_channel(channels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the one channel of an EXR file, or the one that is named as depth is."""
    named = [name for name in channels if name.split(".")[-1].upper() in EXR_CHANNELS]
    named = named or list(channels)
    if len(named) != 1:
        raise ValueError(f"it has the channels {', '.join(channels)}, expected one of depth")
    return np.asarray(channels[named[0]])

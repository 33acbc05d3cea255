"""Reading true disparity as the benchmarks store it: float32 pixels, NaN where unknown."""

from pathlib import Path

import numpy as np

from stereo.images import check_file, open_image

KITTI_SCALE = 256
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")
# Pixels of disparity that a real picture can have.
PLAUSIBLE_PX = (1e-4, 1e5)


def read_pfm(path: Path) -> np.ndarray:
    """Read a portable float map of one channel, bottom row first, byte order by its scale's sign.

    Raises:
        ValueError: when it is truncated, of another kind, or stored in the other byte order.
        OSError: when it cannot be read.
    """
    check_file(path, what="disparity")
    with path.open("rb") as file:
        kind, size, scale = (file.readline(80).strip() for _ in range(3))
        body = file.read()
    try:
        width, height = (int(number) for number in size.split())
        little = float(scale) < 0
    except ValueError as error:
        raise ValueError(f"disparity: {path} has no PFM header") from error
    if kind != b"Pf":
        raise ValueError(f"disparity: {path} is of kind {kind!r}, expected a grey PFM ('Pf')")
    if len(body) != width * height * 4:
        raise ValueError(
            f"disparity: {path} is truncated or too long: {len(body)} bytes of pixels, expected "
            f"{width * height * 4} for {width}x{height}"
        )
    values = np.frombuffer(body, "<f4" if little else ">f4").reshape(height, width)[::-1]
    if not _plausible(values) and _plausible(values.byteswap()):
        raise ValueError(
            f"disparity: {path} holds no pixels as its header says (scale {float(scale):g}), but "
            "does in the other byte order; expected scale -1 for little-endian floats, 1 for big"
        )
    return np.where(np.isfinite(values), values, np.nan).astype(np.float32)


def _plausible(values: np.ndarray) -> bool:
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    low, high = PLAUSIBLE_PX
    return not size.size or bool(np.mean((size > low) & (size < high)) > 0.9)


def read_kitti(path: Path) -> np.ndarray:
    """Read KITTI's 16-bit PNG of 256 times the disparity, 0 = unknown.

    Raises:
        ValueError: when it is not 16 bits deep.
        OSError: when it cannot be read.
    """
    image = open_image(path)
    if image.mode not in SIXTEEN_BIT:
        raise ValueError(
            f"disparity: {path} is an 8-bit picture (mode {image.mode}), expected KITTI's 16-bit "
            "PNG; it was converted on the way, or is a coloured preview"
        )
    return scaled(np.asarray(image), scale=KITTI_SCALE, invalid=0)


def read_stored(path: Path, *, scale: float, invalid: float | None) -> np.ndarray:
    """Read .png, .npy or .pfm as stored / scale; `invalid` (a stored value) means unknown.

    Raises:
        ValueError: when it cannot be used.
        OSError: when it cannot be read.
    """
    if path.suffix.lower() == ".pfm":
        return scaled(read_pfm(path), scale=scale, invalid=invalid)
    if path.suffix.lower() == ".npy":
        check_file(path, what="disparity")
        try:
            stored = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"disparity: {path} is no array of numbers") from error
    else:
        image = open_image(path)
        if image.mode not in (*SIXTEEN_BIT, "L"):
            raise ValueError(f"disparity: {path} has mode {image.mode}, expected one grey channel")
        stored = np.asarray(image)
        if image.mode == "L" and scale >= KITTI_SCALE:
            raise ValueError(
                f"disparity: {path} is an 8-bit picture, expected 16 bits at a scale of {scale:g}"
            )
    return scaled(stored, scale=scale, invalid=invalid)


def scaled(stored: np.ndarray, *, scale: float, invalid: float | None) -> np.ndarray:
    """Turn stored values (H, W) into pixels."""
    if stored.ndim != 2 or stored.dtype.kind not in "fiu":
        raise ValueError(f"disparity: got {stored.shape} {stored.dtype}, expected numbers (H, W)")
    values = stored.astype(np.float32) / np.float32(scale)
    unknown = ~np.isfinite(values)
    if invalid is not None:
        unknown |= stored == invalid
    return np.where(unknown, np.nan, values).astype(np.float32)

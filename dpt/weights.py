"""Reading weight files that came from anywhere, without running anything they hold."""

import ctypes
import mmap
import pickle
import re
import struct
import warnings
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

EXPECTED = "expected a .ckpt, .pt, .pth or .safetensors weight file"
# Where training runs put the weights among other things.
STATE_NAMES = ("state_dict", "model", "model_state_dict", "module")
ZIP_START, PICKLE_START, LFS_START = b"PK\x03\x04", b"\x80", b"version https://git-lfs"

# What Lightning and other training runs leave beside the weights. None of it is needed, so none of
# it is imported: every name becomes an object that swallows what it is given.
INERT = re.compile(
    r"(argparse|datetime|lightning|lightning_fabric|numpy|omegaconf|pathlib|pytorch_lightning|"
    r"typing)\..+|builtins\.(bool|bytes|complex|dict|float|int|list|set|slice|str|tuple)"
)
# Subclasses of dict: the weights-only reader fills nothing but a plain dict.
MAPPING = re.compile(r"collections\.defaultdict|.+\.AttributeDict")
MAX_NAMES = 200
NAMES_SHOWN = 3
# What a damaged or hostile file makes the unpickler raise, besides its own error.
DAMAGE = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the named tensors of a weight file, memory-mapped where its format allows.

    The format is told from the first bytes, not from the name. Tensors may stand bare or under
    "state_dict" or "model"; whatever else a training run stored is dropped.

    Returns:
        The tensors by name (CPU, stored dtype) and the text metadata, empty but for safetensors.

    Raises:
        FileNotFoundError: Nothing lies at `path`.
        ValueError: `path` is no weight file, is damaged, or asks to run something.
    """
    path = Path(path)
    start = _first_bytes(path)
    if _is_safetensors(path, start):
        return _read_safetensors(path)
    if start.startswith((ZIP_START, PICKLE_START)):
        return _read_pickle(path, mapped=start.startswith(ZIP_START)), {}
    raise ValueError(f"{path}: {_describe_start(start)}; {EXPECTED}")


def describe_misfit(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor], *, optional: Container[str] = ()
) -> str:
    """Say in a few words how weights differ from a model's state; "" where they fit.

    `optional` names may be missing.
    """
    wrong = {
        "missing": [name for name in expected if name not in found and name not in optional],
        "unknown": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {_kind(found[name])} for {_kind(own)}"
            for name, own in expected.items()
            if name in found and _kind(found[name]) != _kind(own)
        ],
    }
    return "; ".join(
        f"{len(names)} weights {what}: {', '.join(names[:NAMES_SHOWN])}"
        + (", ..." if len(names) > NAMES_SHOWN else "")
        for what, names in wrong.items()
        if names
    )


def _kind(tensor: Tensor) -> str:
    """Return the shape, and the type where it is not one of floating point."""
    shape = str(tuple(tensor.shape))
    return shape if tensor.is_floating_point() else f"{shape} {tensor.dtype}"


def is_mapped(path: Path) -> bool:
    """Return whether `read_tensors` maps this file instead of copying it."""
    path = Path(path)
    start = _first_bytes(path)
    return _is_safetensors(path, start) or not start.startswith(PICKLE_START)


def drop_pages(tensor: Tensor) -> None:
    """Take a mapped tensor out of memory once its values were copied elsewhere.

    Reading it again would read the file again. Without this, converting a whole file would count
    twice: the system takes its clean pages back only when memory runs short.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):  # not on every system, and only an economy
        return
    storage, page = tensor.untyped_storage(), mmap.PAGESIZE
    start = -(-storage.data_ptr() // page) * page
    size = (storage.data_ptr() + storage.nbytes()) // page * page - start
    if size > 0:
        address, length = ctypes.c_void_p(start), ctypes.c_size_t(size)
        ctypes.CDLL(None).madvise(address, length, mmap.MADV_DONTNEED)


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ValueError(f"{path}: this is a folder; {EXPECTED}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; {EXPECTED}")
    with path.open("rb") as stream:
        return stream.read(64)


def _is_safetensors(path: Path, start: bytes) -> bool:
    """Tell safetensors by its JSON header and that header's length, which comes first.

    The length's lowest byte can be the one that pickles start with; as a length, though, the
    start of a pickle or a zip would be larger than any file.
    """
    if start[8:9] != b"{":
        return False
    return int.from_bytes(start[:8], "little") <= path.stat().st_size


def _describe_start(start: bytes) -> str:
    if not start:
        return "the file is empty"
    if start.startswith(LFS_START):
        return "a git-lfs pointer lies here instead of the weights (run `git lfs pull`)"
    if start.isascii() and b"\0" not in start:
        return "this is a text file"
    return "unknown file format"


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt", device="cpu") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            return tensors, dict(stored.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged or cut off ({_one_line(error)}); {EXPECTED}") from error


def _read_pickle(path: Path, *, mapped: bool) -> dict[str, Tensor]:
    try:
        stored = _load_with_stand_ins(path, mapped=mapped)
    except DAMAGE as error:
        raise ValueError(f"{path}: {_describe_damage(error)}; {EXPECTED}") from error
    tensors = {
        name: value.detach()
        for name, value in _state(stored).items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise ValueError(f"{path}: holds no tensors; {EXPECTED}")
    for name, tensor in tensors.items():
        if tensor.is_meta or tensor.layout != torch.strided:
            raise ValueError(f"{path}: {name} is no ordinary tensor; {EXPECTED}")
    return tensors


def _load_with_stand_ins(path: Path, *, mapped: bool) -> Any:
    """Load without importing anything; harmless names that a file asks for become inert."""
    stand_ins: dict[str, type] = {}
    while True:
        try:
            with warnings.catch_warnings(), torch.serialization.safe_globals(stand_ins.values()):
                warnings.simplefilter("ignore")  # its advice on pickle protocols helps nobody here
                return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except pickle.UnpicklingError as error:
            name = _name_asked_for(error)
            if name in stand_ins or len(stand_ins) == MAX_NAMES:
                raise
            if MAPPING.fullmatch(name):
                stand_ins[name] = _stand_in(name, _PlainDict)
            elif INERT.fullmatch(name):
                stand_ins[name] = _stand_in(name, _Inert)
            else:
                raise


def _name_asked_for(error: Exception) -> str:
    asked = re.search(r"GLOBAL (\S+)", str(error))
    return asked[1] if asked else ""


def _state(stored: Any) -> Mapping[Any, Any]:
    """Return the mapping that holds the tensors: an inner one of known name, else the outer."""
    if not isinstance(stored, Mapping):
        return {}
    inner = (stored.get(name) for name in STATE_NAMES)
    return next((state for state in inner if isinstance(state, Mapping)), stored)


def _describe_damage(error: Exception) -> str:
    """Say in a few words what stopped the reader, which names a forbidden class at length."""
    name = _name_asked_for(error)
    if name:
        return f"refused, because it asks for {name!r}, which weights have no use for"
    if "weights_only" in str(error):
        return "refused, because it does not read as plain weights"
    return f"damaged or cut off ({_one_line(error)})"


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]


def _stand_in(full_name: str, base: type) -> type:
    module, _, name = full_name.rpartition(".")
    return type(name, (base,), {"__module__": module, "__qualname__": name})


class _Inert:
    """Stands in for a stored object: takes any arguments and any state, keeps nothing."""

    def __init__(self, *_ignored: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


class _PlainDict:
    """Stands in for a subclass of dict: makes a plain, empty dict."""

    def __new__(cls, *_ignored: object) -> dict:
        return {}

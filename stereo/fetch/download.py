"""One download: what the hub offers, its licence, the transfer, its check, its place."""

import errno
import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ldm.downloads import TORCHVISION, Download
from ldm.files import publish
from ldm.hub_cache import find_in_hub_cache
from ldm.known_files import ROOT
from stereo.cli.command import one_line

if TYPE_CHECKING:
    from huggingface_hub.hf_api import HfApi, ModelInfo, RepoSibling

# What is being fetched lies here, in the folder that it goes into, so that it can be resumed.
STAGING = ".fetch"
CONFIGS = (".json", ".txt", ".model")
SAFE, PICKLES = (".safetensors",), (".bin", ".pt")
# Copies of the same weights in half precision or before averaging.
COPIES = (".fp16", ".non_ema")
CHUNK_BYTES = 2**20
GIB = 2**30


class FetchError(OSError):
    """What is wrong with a download, in one line."""


@dataclass(frozen=True)
class Offer:
    """What the hub offers of a download: its commit, its licence, and the files to take."""

    commit: str
    licence: str
    files: "list[RepoSibling]"

    @property
    def size_bytes(self) -> int:
        """Return the size of all files."""
        return sum(file.size or 0 for file in self.files)


def fetch(download: Download, *, yes: bool, offline: bool) -> Path:
    """Fetch one thing, unless it is there, and return where it lies.

    Raises:
        ValueError: when its licence is not accepted.
        OSError: when it cannot be had: offline, no answer, no space, another hash.
    """
    from huggingface_hub import constants

    offline = offline or constants.HF_HUB_OFFLINE
    present = _present(download)
    # Of a repository there may be a part.
    if present is not None and (download.file or offline):
        return present
    if offline:
        raise FetchError(
            f"{download.name}: not on this machine, and --offline or HF_HUB_OFFLINE forbids to "
            "fetch it"
        )
    if download.repository == TORCHVISION:
        _accept(download, None, yes)
        with _told(download):
            return _from_torchvision(download)
    with _told(download):
        offer = _ask_hub(download)
    _accept(replace(download, licence=offer.licence), offer, yes)
    folder = ROOT / download.folder if download.folder else Path(constants.HF_HUB_CACHE)
    _check_space(folder, offer.size_bytes)
    with _told(download):
        take = _take_file if download.file else _take_snapshot
        return take(download, offer)


def _present(download: Download) -> Path | None:
    if not download.file:
        return find_in_hub_cache(download.hub_id)
    path = ROOT / download.folder / download.file
    return path if path.is_file() else None


def _hub() -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi()


def _ask_hub(download: Download) -> Offer:
    info = _hub().model_info(download.repository, revision=download.revision, files_metadata=True)
    files = wanted_files(info) if not download.file else []
    if download.file:
        files = [file for file in info.siblings or [] if file.rfilename == download.file]
    if not files:
        raise FetchError(f"{download.name}: {download.hub_id} holds no such weights")
    stated = getattr(info.card_data, "license", None) or "none stated"
    return Offer(info.sha, download.licence or str(stated), files)


def wanted_files(info: "ModelInfo") -> "list[RepoSibling]":
    """Return the files of a repository that a model is read from.

    Configurations and safetensors, or PyTorch's own files where there are none of these; no copy
    in half precision, and no single file beside a folder of parts.
    """
    files = info.siblings or []
    names = {file.rfilename for file in files}
    in_parts = "model_index.json" in names
    weights = [
        file
        for file in files
        if file.rfilename.endswith((*SAFE, *PICKLES))
        and not (in_parts and "/" not in file.rfilename)
        and not any(c in file.rfilename and file.rfilename.replace(c, "") in names for c in COPIES)
    ]
    safe = [file for file in weights if file.rfilename.endswith(SAFE)]
    return [file for file in files if file.rfilename.endswith(CONFIGS)] + (safe or weights)


def _accept(download: Download, offer: Offer | None, yes: bool) -> None:
    """Show what is to be fetched; raise ValueError unless its licence is accepted."""
    size_bytes = offer.size_bytes if offer else download.size_bytes
    origin = f"{download.repository}@{offer.commit[:12]}" if offer else download.repository
    sys.stdout.write(
        f"{download.name}: {download.what}\n  from {origin}, {size_text(size_bytes)}\n"
        f"  licence: {download.licence}\n"
    )
    sys.stdout.flush()
    if yes:
        return
    answer = input("  fetch it under this licence? [y/N] ") if sys.stdin.isatty() else ""
    if answer.strip().lower() not in ("y", "yes"):
        raise ValueError(f"{download.name}: licence not accepted; --yes accepts it")


def _take_file(download: Download, offer: Offer) -> Path:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    (file,), target = offer.files, ROOT / download.folder / download.file
    # The hub's own download into a folder begins anew with every run.
    partial = target.parent / STAGING / f"{offer.commit}-{download.file}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as stream:
        http_get(
            hf_hub_url(
                download.repository, download.file, revision=offer.commit, endpoint=_hub().endpoint
            ),
            stream,
            resume_size=partial.stat().st_size,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=download.file,
        )
    _check_hash(partial, download.sha256 or _hub_hash(file))
    publish(partial, target)
    shutil.rmtree(partial.parent, ignore_errors=True)
    return target


def _take_snapshot(download: Download, offer: Offer) -> Path:
    names = [file.rfilename for file in offer.files]
    # By its name, not its commit, so that it is found again by the same name.
    folder = Path(
        _hub().snapshot_download(
            download.repository, revision=download.revision, allow_patterns=names
        )
    )
    for file in offer.files:
        _check_hash(folder / file.rfilename, _hub_hash(file))
    return folder


def _from_torchvision(download: Download) -> Path:
    from torch.hub import download_url_to_file
    from torchvision.models import SqueezeNet1_1_Weights

    target = ROOT / download.folder / download.file
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = target.stem.rpartition("-")[2]
    download_url_to_file(SqueezeNet1_1_Weights.IMAGENET1K_V1.url, str(target), prefix)
    return target


def _hub_hash(file: "RepoSibling") -> str | None:
    return file.lfs.sha256 if file.lfs else None


def _check_hash(path: Path, sha256: str | None) -> None:
    """Remove a file with another hash than expected, and what it links to, and raise OSError."""
    if sha256 is None:
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise FetchError(
            f"{path.name}: SHA-256 is {digest.hexdigest()[:12]}..., expected {sha256[:12]}...; "
            "removed"
        )


def _check_space(folder: Path, size_bytes: int) -> None:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size_bytes:
        raise FetchError(
            f"no space: {size_text(size_bytes)} needed, {size_text(free)} free in {existing}"
        )


@contextmanager
def _told(download: Download) -> Iterator[None]:
    """Tell what the hub or the network did in one line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise FetchError(
            f"{download.name}: {download.repository} wants its licence accepted on its page, and "
            "a login: hf auth login"
        ) from error
    except (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.RemoteEntryNotFoundError,
    ) as error:
        raise FetchError(f"{download.name}: {download.hub_id} is not there any more") from error
    except (FetchError, MemoryError):
        raise
    except Exception as error:  # HTTP libraries have errors of their own
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise FetchError(
            f"{download.name}: no connection, or it broke off ({one_line(error)[:200]}); try "
            "again, what has come is kept"
        ) from error


def size_text(size_bytes: float | None) -> str:
    """Return a size for people."""
    return "size unknown" if not size_bytes else f"{size_bytes / GIB:.2f} GiB"

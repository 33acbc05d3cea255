"""Models that lie in the cache of the Hugging Face hub on this machine; nothing is fetched here."""

import re
from pathlib import Path

# owner/name, and after an @ a branch, a tag or a commit.
HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w-][\w./-]*))?", re.ASCII)


def split_hub_id(name: str) -> tuple[str, str | None]:
    """Return the `owner/name` and the revision of `owner/name[@revision]`.

    Raises:
        ValueError: when it is anything else, such as a path.
    """
    match = HUB_ID.fullmatch(name)
    if match is None or ".." in name:
        raise ValueError(f"got {name!r}, expected a file, a folder or owner/name[@revision]")
    return match["id"], match["revision"]


def find_in_hub_cache(name: str) -> Path | None:
    """Return the folder of `owner/name[@revision]` in the hub's cache; None where it is not there.

    Without a revision it is the one that `main` was when it was fetched.

    Raises:
        ValueError: when the name is no such id.
    """
    from huggingface_hub import constants

    repository, revision = split_hub_id(name)
    # By the hub's documented layout; its own look-up wants every file of the repository.
    place = Path(constants.HF_HUB_CACHE, f"models--{repository.replace('/', '--')}")
    reference = place / "refs" / (revision or "main")
    commit = reference.read_text().strip() if reference.is_file() else revision
    folder = place / "snapshots" / commit if commit else None
    return folder if folder and folder.is_dir() else None

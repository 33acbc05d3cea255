"""Fetch weights, the only command that uses the network; each licence is shown first.

Usage: python -m stereo.fetch NAME [NAME ...]
"""

from stereo.cli import interrupt

if __name__ == "__main__":
    interrupt.install()  # first, as the imports below take a while

import sys
from collections.abc import Sequence

from ldm.downloads import DOWNLOADS, Download, find_download
from ldm.hub_cache import split_hub_id
from stereo.cli.command import OneLineParser, run, start_logging
from stereo.cli.markdown import markdown_table
from stereo.fetch.download import fetch, size_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what is named, or list it."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="one that --list shows, or owner/name[@revision]"
    )
    parser.add_argument("--list", action="store_true", help="show what can be fetched by name")
    parser.add_argument("--yes", action="store_true", help="accept the licences that are shown")
    parser.add_argument("--offline", action="store_true", help="forbid it, as HF_HUB_OFFLINE=1")
    args = parser.parse_args(arguments)
    if not args.names and not args.list:
        parser.error("argument NAME: missing, expected a name that --list shows")
    start_logging(False)
    if args.list:
        sys.stdout.write(f"{table()}\n")
    downloads = [wanted(name) for name in args.names]
    for download in downloads:
        sys.stdout.write(f"{fetch(download, yes=args.yes, offline=args.offline)}\n")
    return 0


def wanted(name: str) -> Download:
    """Return the download of a name, or of `owner/name[@revision]`.

    Raises:
        ValueError: when it is neither.
    """
    known = find_download(name)
    if known is not None:
        return known
    try:
        repository, revision = split_hub_id(name)
    except ValueError as error:
        names = ", ".join(each.name for each in DOWNLOADS)
        message = f"NAME: got {name!r}, expected one of {names}, or owner/name[@revision]"
        raise ValueError(message) from error
    return Download(name, repository, "model of the hub", "", revision=revision)


def table() -> str:
    """Return what can be fetched by name, as Markdown."""
    head = ["name", "what", "from", "size", "licence", "SHA-256"]
    rows = [
        [
            each.name,
            each.what,
            each.repository,
            size_text(each.size_bytes),
            each.licence,
            each.sha256[:8] if each.sha256 else "no hash known",
        ]
        for each in DOWNLOADS
    ]
    return markdown_table(head, rows, text_columns=len(head))


if __name__ == "__main__":
    sys.exit(run(main))

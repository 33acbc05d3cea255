"""Which code made a result."""

import functools
import subprocess

from ldm.known_files import ROOT

# Documents say what was measured and decide about nothing.
CODE = (".", ":!docs", ":!*.md")


@functools.cache
def git_commit() -> str:
    """Return the commit of this code, with '+' where files differ from it; or 'unknown'."""
    try:
        commit, changes = (
            subprocess.run(
                ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
            ).stdout.strip()
            for words in (
                ("rev-parse", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no", "--", *CODE),
            )
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+" if changes else commit

"""What a run saves: numbered pairs in the chosen formats, and its grid at the end."""

import logging
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stereo.cli.command import CONSOLE, program
from stereo.cli.types import check_writable
from stereo.comfort.report import comfort_line
from stereo.formats import save_grid, save_pair
from stereo.formats.saving import check_settings, remove_half_sets
from stereo.pair import StereoPair

if TYPE_CHECKING:
    from ldm.models.diffusion.ddpm import LatentDiffusion

# Of settings beside the prompt and the command, generously.
OTHERS_BYTES = 4096

log = logging.getLogger(__name__)


class Results:
    """Saves a run's pairs under `--outdir`."""

    def __init__(
        self, args: Namespace, arguments: Sequence[str] | None, prompts: Sequence[str]
    ) -> None:
        """Remember the command, so that every file can tell how to make it again.

        Raises:
            ValueError: when a format cannot hold a prompt.
            OSError: when the folder cannot be written to.
        """
        check_writable(args.outdir, "outdir")
        remove_half_sets(args.outdir)
        self._outdir: Path = args.outdir
        self._formats, self._names = args.format, args.names
        self._rows: int = getattr(args, "n_rows", 0)
        words = sys.argv[1:] if arguments is None else arguments
        called = program() if program()[0] == CONSOLE else ["python", *program()]
        given = {
            "parameterization": args.parameterization,
            "map_kind": args.map,
            "config": args.config and _relative(args.config),
            "wiggle_px": args.wiggle_px,
            "command": shlex.join([*called, *words]),
        }
        self._settings = {name: value for name, value in given.items() if value}
        texts = {"prompt": max(prompts, key=len), **self._settings, "others": " " * OTHERS_BYTES}
        check_settings(self._formats, texts)
        self._saved: list[StereoPair] = []

    def save(
        self,
        pairs: Sequence[StereoPair],
        model: "LatentDiffusion",
        *,
        prefix: str,
        fingerprint: str,
        files: dict[str, Path | None],
    ) -> None:
        """Write pairs; tells the first path of each on stdout, how comfortable it is on stderr.

        Their settings also get the `files` that they were made of, how the model ran, the command,
        and the fingerprint by which a later run knows them.
        """
        added = {key: _relative(path) for key, path in files.items() if path is not None}
        added |= {"fingerprint": fingerprint}
        added |= {"device": str(model.device), "dtype": str(model.dtype).removeprefix("torch.")}
        added |= self._settings
        for pair in pairs:
            pair = replace(pair, settings={**pair.settings, **added})
            paths = save_pair(
                pair, self._outdir, prefix=prefix, formats=self._formats, names=self._names
            )
            report = pair.settings.get("comfort_report")
            sys.stdout.write(f"{paths[0]}\n")
            sys.stdout.flush()
            if report:
                log.info("%s", comfort_line(report))
            log.debug("beside it: %s", " ".join(path.name for path in paths[1:]))
            if self._rows:
                self._saved.append(pair)

    def finish(self) -> None:
        """Write the grid that `--n_rows` asked for."""
        if self._saved:
            sys.stdout.write(f"{save_grid(self._saved, self._outdir, rows=self._rows)}\n")


def _relative(path: Path) -> str:
    """Return a path as a string, relative to the working folder where it lies under it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)

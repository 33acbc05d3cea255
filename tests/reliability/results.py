"""Results that people, other programs and full disks have changed, read and continued."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.reliability.case import BAD, DONE, SOME, Case, fault
from tests.reliability.command import run_command
from tests.reliability.files import TRAINING

TOLD = "--config eval.yaml --out run --no_sheets"
FILES = (
    "run.json",
    "scenes/shapes_000/scene.json",
    "views/telea/method.json",
    "views/telea/shapes_000.json",
    "scores/telea/shapes_000.json",
    "summary.json",
)
STRANGE: dict[str, Any] = {
    "null": None,
    "a list": [1, {"settings": 2}],
    "a number": 5,
    "a text": "x",
    "nothing in it": {},
    "lists for values": {"settings": [], "scenes": {}, "seconds": [], "metrics": []},
    "texts for values": {"settings": "x", "scenes": "x", "seconds": "x", "metrics": "x"},
    "nulls for values": {"settings": None, "scenes": None, "seconds": None, "metrics": None},
    "other scenes": {"settings": {}, "scenes": [{"name": "../../x", "group": 5}]},
}
BROKEN = {"empty": b"", "binary": b"\0\xff\xfe", "deep": b"[" * 100_000, "cut": b'{"a": [1, '}
BROKEN |= {"NaN": b'{"metrics": {"psnr": NaN}, "seconds": Infinity}'}
# Of train.py: a value in place of another.
TRAINING_CHANGES = {
    "batch: 8": ("many", "-4", "0", "1.5", "null", "[1]", "{a: 1}", "1e30", "99999999999999999999"),
    "size_px: 256": ("7", "0", "-64", "x", "96", "1000000000"),
    "start: 0.0": ("1", "-1", ".nan", "x", "null"),
    "max_steps: 12": ("many", "-1", "0", ".nan", "1.5", "1e30"),
    "max_minutes: 60": ("0", "-1", ".nan", ".inf", "long"),
    "portraits: 64": ("-1", "x", "1e9", "[1]"),
    "part: text": ("x", "[a]", "null", "5"),
    "embed_dim: 32": ("0", "-5", "x", "1000000000000"),
    "heads: 2": ("0", "5", "x"),
    "width: 32": ("0", "-8", "x"),
    "layers: 1": ("-1", "x", "1.5"),
    "context_length: 77": ("0", "-1", "x"),
    "layer: last": ("first", "[1]", "5"),
}
OPTIMISER = {
    "learning_rate": ("fast", "-1", ".nan", ".inf", "[1]"),
    "warmup_steps": ("-1", "x"),
    "beta2": ("1", "-1", "x"),
    "clip_norm": ("-1", "x", ".nan"),
    "ema_decay": ("2", "x"),
    "unknown": ("1",),
}


def try_results(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield what went wrong with changed results of evaluate.py and settings of train.py."""
    yield from _evaluations(folder)
    with tempfile.TemporaryDirectory(prefix="settings-") as place:
        for name, text in _training_files():
            Path(place, "changed.yaml").write_text(text)
            case = Case("train.py --config changed.yaml", (BAD,), ("config",))
            yield f"train.py with {name}", fault(case, Path(place))
    yield from _resumes()


def _evaluations(folder: Path) -> Iterator[tuple[str, str | None]]:
    with tempfile.TemporaryDirectory(prefix="run-") as place:
        whole = Path(place, "whole")
        shutil.copy(folder / "eval.yaml", place)
        done = run_command(f"evaluate.py {TOLD}".replace("run", "whole").split(), Path(place))
        assert done.code == DONE, done.err
        for name in FILES:
            contents = {key: json.dumps(value).encode() for key, value in STRANGE.items()}
            for kind, content in {**contents, **BROKEN}.items():
                for verb in ("all", "report"):
                    run = Path(place, "run")
                    shutil.rmtree(run, ignore_errors=True)
                    shutil.copytree(whole, run)
                    (run / name).write_bytes(content)
                    case = Case(f"evaluate.py {verb} {TOLD}", (DONE, SOME, BAD))
                    yield f"evaluate.py {verb}, {name}: {kind}", fault(case, Path(place))


def _training_files() -> Iterator[tuple[str, str]]:
    base = TRAINING.replace("OUT", "out")
    for line, values in TRAINING_CHANGES.items():
        key = line.partition(":")[0]
        assert line in base, line
        for value in values:
            yield f"{key}: {value}", base.replace(line, f"{key}: {value}", 1)
    for key, values in OPTIMISER.items():
        for value in values:
            yield f"{key}: {value}", f"{base}optimiser: {{{key}: {value}}}\n"
    for seed in ("abc", "-1", "1.5", ".nan", "[1]"):
        yield f"seed: {seed}", f"{base}seed: {seed}\n"
    for parts in ("[changed]", "[]", "x", "[1]", "[[a]]", "{a: b}", "[nowhere]", "null"):
        yield f"parts: {parts}", f"parts: {parts}\n"


def _resumes() -> Iterator[tuple[str, str | None]]:
    curves = {"empty": b"", "binary": b"\0\xff", "words": b"step,loss\na,b\n", "deep": b"," * 10**6}
    states = {"empty": b"", "text": b"no checkpoint", "zip": b"PK\x05\x06" + bytes(18)}
    with tempfile.TemporaryDirectory(prefix="resume-") as place:
        Path(place, "text.yaml").write_text(TRAINING.replace("OUT", "whole"))
        words = "train.py --config text.yaml --out whole --max-steps 4".split()
        done = run_command(words, Path(place))
        assert done.code == DONE, done.err
        for name, contents, code in (("loss.csv", curves, DONE), ("checkpoint.ckpt", states, BAD)):
            for kind, content in contents.items():
                run = Path(place, "run")
                shutil.rmtree(run, ignore_errors=True)
                shutil.copytree(Path(place, "whole"), run)
                (run / name).write_bytes(content)
                line = "train.py --config text.yaml --out run --resume --max-steps 6"
                said = ("resume",) if code == BAD else ()
                yield f"--resume, {name}: {kind}", fault(Case(line, (code,), said), Path(place))


def try_full_disk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield what went wrong on a disk of some kilobytes; nothing where none can be mounted."""
    lines = {
        "img2stereo.py": "--img_path good.png --format sbs --format viewer --outdir",
        "txt2stereoimg.py": "--preset paper --ddim_steps 2 --format sbs --format viewer --outdir",
        "evaluate.py": "--config eval.yaml --out",
        "train.py": "--config text.yaml --out",
        "shapes.world": "--count 1 --size 64 --out",
    }
    with tempfile.TemporaryDirectory(prefix="disk-") as place:
        mounted = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place]
        if os.geteuid() or subprocess.run(mounted, capture_output=True).returncode:
            return
        try:
            for name, line in lines.items():
                out = Path(place, "out")
                shutil.rmtree(out, ignore_errors=True)
                case = Case(f"{name} {line} {out}", (BAD,), ("No space left",))
                wrong = fault(case, folder)
                left = [path.name for path in out.rglob("*.partial")]
                yield f"{name} on a full disk", wrong or (f"left {left}" if left else None)
        finally:
            subprocess.run(["umount", place], check=True)

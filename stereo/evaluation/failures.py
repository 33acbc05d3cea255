"""Scenes that failed: a file each, which goes away when the scene succeeds."""

import logging

import cv2

from stereo.cli.command import one_line
from stereo.evaluation.files import RunFolder
from stereo.evaluation.json_files import read_json, write_json

# What a scene's files, a network or a full memory raise; anything else is a mistake of ours.
FAILURES = (ValueError, OSError, RuntimeError, MemoryError, cv2.error)

log = logging.getLogger(__name__)


def record(folder: RunFolder, method: str, scene: str, error: BaseException) -> None:
    """Note and log in one line why a scene failed."""
    message = one_line(error)
    write_json(folder.failure(method, scene), {"error": message})
    log.error("failed: scene %s, %s: %s", scene, method, message)


def forget(folder: RunFolder, method: str, scene: str) -> None:
    """Take a failure back."""
    folder.failure(method, scene).unlink(missing_ok=True)


def reason(folder: RunFolder, method: str, scene: str) -> str | None:
    """Return why a scene failed; None where it did not."""
    path = folder.failure(method, scene)
    return read_json(path, {"error": str})["error"] if path.is_file() else None

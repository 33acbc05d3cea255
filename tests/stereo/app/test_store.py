"""Models in memory: loaded once, and nobody waits for a model that somebody else wants."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stereo.app.catalogue import Checkpoint
from stereo.app.store import KEPT, ModelStore

PATIENCE_S = 30


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace loading: it waits for `go`, and counts."""
    fake = SimpleNamespace(go=threading.Event(), begun=threading.Semaphore(0), paths=[])

    def load(task: str, *, ckpt: Path, **named: object) -> SimpleNamespace:
        fake.paths.append(ckpt.name)
        fake.begun.release()
        assert fake.go.wait(PATIENCE_S)
        return SimpleNamespace(name=ckpt.name)

    monkeypatch.setattr("stereo.app.store.load_model", load)
    monkeypatch.setattr("stereo.app.store.fit_colours", lambda model: np.zeros((5, 3)))
    monkeypatch.setattr("stereo.app.store.find_depth_checkpoint", lambda: Path("dpt"))
    monkeypatch.setattr("stereo.app.store.load_depth_model", lambda path, device: "dpt")
    return fake


def checkpoint(name: str) -> Checkpoint:
    return Checkpoint(name, Path(name), False)


def test_previews_and_loaded_models_do_not_wait_for_a_model_that_is_loaded(loads):
    store = ModelStore()
    loads.go.set()
    ready = store.get("text", checkpoint("small"))
    loads.go.clear()
    loading = threading.Thread(target=store.get, args=("text", checkpoint("large")))
    loading.start()
    assert loads.begun.acquire(timeout=PATIENCE_S) and loads.begun.acquire(timeout=PATIENCE_S)
    asked = []
    other = threading.Thread(
        target=lambda: asked.extend(
            [
                store.depth_model("image", checkpoint("large")),
                store.get("text", checkpoint("small")),
            ]
        )
    )
    other.start()
    other.join(PATIENCE_S)
    assert asked == ["dpt", ready] and loading.is_alive()
    loads.go.set()
    loading.join(PATIENCE_S)


def test_two_who_want_the_same_model_load_it_once(loads):
    store = ModelStore()
    threads = [threading.Thread(target=store.get, args=("text", checkpoint("a"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert loads.begun.acquire(timeout=PATIENCE_S)
    loads.go.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert loads.paths == ["a"]


def test_the_least_recently_used_model_is_given_up(loads):
    store = ModelStore()
    loads.go.set()
    names = [f"model {k}" for k in range(KEPT + 1)]
    for name in names:
        store.get("text", checkpoint(name))
        store.get("text", checkpoint(names[0]))
    assert loads.paths == names  # the first was always in use
    store.get("text", checkpoint(names[1]))
    assert loads.paths == [*names, names[1]]


def test_a_model_that_cannot_be_loaded_is_tried_again(loads, monkeypatch):
    store = ModelStore()
    loads.go.set()
    with monkeypatch.context() as patch:
        patch.setattr(
            "stereo.app.store.load_model",
            lambda *args, **named: (_ for _ in ()).throw(ValueError("bad")),
        )
        with pytest.raises(ValueError, match="bad"):
            store.get("text", checkpoint("a"))
    assert store.get("text", checkpoint("a")).models.diffusion.name == "a"

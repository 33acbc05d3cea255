"""Jobs: progress, lines, cancelling, private results, nothing half-written."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from stereo.app.jobs import Cancelled, Desk
from stereo.app.results import Shelves
from stereo.app.store import model_key
from stereo.formats import FORMATS, load
from stereo.pair import StereoPair
from tests.stereo.app.conftest import Workflow, make_pair, make_request

PATIENCE_S = 30


def everything_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def wait_for_end(job: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not job.future.done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_job_tells_its_steps_and_saves_all_formats(desk: Desk, workflow: Workflow) -> None:
    workflow.first = 5
    job = desk.start("ann", make_request(samples=2, seed=5))
    assert list(job.follow())
    results = job.future.result()
    assert [result.title for result in results] == ["a red sphere (seed 5)"] * 2
    for k, result in enumerate(results):
        assert set(result.files) == {*FORMATS, "settings"}
        pair = load(result.files["sbs"])
        assert np.array_equal(pair.left, make_pair(5 + k).left)
        assert np.array_equal(pair.right, make_pair(5 + k).right)
        assert result.viewer_document().lstrip().lower().startswith("<!doctype html>")
        settings = json.loads(result.files["settings"].read_text())
        assert settings["command"].startswith("python txt2stereoimg.py --prompt 'a red sphere'")
        assert settings["ckpt"] == "shapes.safetensors"


def test_updates_say_stage_share_and_preview(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    job = desk.start("ann", make_request())
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    workflow.step.release()
    update = next(each for each in job.follow() if each.share is not None)
    assert (update.words, update.share, update.detail) == ("Left view", 0.25, "step 1 of 4")
    assert update.left.startswith("data:image/png;base64,")
    assert update.right is None


def test_cancelling_stops_at_the_next_step_and_leaves_nothing(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    workflow.free = False
    job = desk.start("ann", make_request())
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    assert desk.cancel("ann")
    workflow.step.release()
    wait_for_end(job)
    with pytest.raises(Cancelled):
        job.future.result()
    assert workflow.running == 0
    assert everything_in(tmp_path / "results") == []
    assert not desk.cancel("ann")


def test_cancelling_while_files_are_written_leaves_nothing(
    desk: Desk, workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stereo.app import jobs

    def save_then_cancel(*arguments: object) -> object:
        result = save(*arguments)
        desk.cancel("ann")
        return result

    save = jobs.save_result
    monkeypatch.setattr(jobs, "save_result", save_then_cancel)
    job = desk.start("ann", make_request(samples=2))
    wait_for_end(job)
    with pytest.raises(Cancelled):
        job.future.result()
    assert everything_in(tmp_path / "results") == []


def test_a_full_disk_leaves_nothing(
    desk: Desk, workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stereo.app import jobs

    def save_one(pair: StereoPair, *others: object) -> object:
        if pair.settings["seed"]:
            raise OSError(28, "No space left on device")
        return save(pair, *others)

    save = jobs.save_result
    monkeypatch.setattr(jobs, "save_result", save_one)
    job = desk.start("ann", make_request(samples=2, seed=0))
    wait_for_end(job)
    with pytest.raises(OSError, match="No space left"):
        job.future.result()
    assert everything_in(tmp_path / "results") == []


def test_one_job_at_a_time_for_a_model_in_order(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    first = desk.start("ann", make_request(prompt="first"))
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    second = desk.start("bob", make_request(prompt="second"))
    following = second.follow()
    assert next(following).words == "Waiting: 1 job is ahead of yours"
    for _ in range(2 * workflow.steps):
        workflow.step.release()
    wait_for_end(first)
    wait_for_end(second)
    assert workflow.prompts == ["first", "second"]
    assert workflow.most_at_once == 1


def test_a_job_that_nobody_follows_any_more_ends(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    job = desk.start("ann", make_request())
    workflow.step.release()
    following = job.follow()
    next(following)
    following.close()
    workflow.step.release()
    wait_for_end(job)
    with pytest.raises(Cancelled):
        job.future.result()


def test_whoever_gives_up_waiting_lets_the_next_one_through(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    first = desk.start("ann", make_request(prompt="first"))
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    second = desk.start("bob", make_request(prompt="second"))
    third = desk.start("cid", make_request(prompt="third"))
    assert desk.cancel("bob")
    wait_for_end(second)
    for _ in range(2 * workflow.steps):
        workflow.step.release()
    wait_for_end(first)
    wait_for_end(third)
    assert workflow.prompts == ["first", "third"]


def test_text_and_depth_have_lines_of_their_own() -> None:
    requests = (make_request(task) for task in ("text", "depth", "image"))
    text, depth, photo = (model_key(each.task, each.checkpoint) for each in requests)
    assert text == photo != depth


def test_a_visitor_has_one_job_and_there_are_not_too_many(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    desk.start("ann", make_request())
    with pytest.raises(ValueError, match="earlier job is still running"):
        desk.start("ann", make_request())
    desk.start("bob", make_request())
    desk.start("cid", make_request())
    with pytest.raises(ValueError, match="Too many people"):
        desk.start("dan", make_request())
    for name in ("ann", "bob", "cid"):
        desk.cancel(name)
    for _ in range(3 * workflow.steps):
        workflow.step.release()


def test_a_failed_job_makes_room(desk: Desk, workflow: Workflow) -> None:
    workflow.error = ValueError("size: too odd")
    job = desk.start("ann", make_request())
    wait_for_end(job)
    with pytest.raises(ValueError, match="too odd"):
        job.future.result()
    workflow.error = None
    again = desk.start("ann", make_request())
    wait_for_end(again)
    assert len(again.future.result()) == 1


def test_leaving_deletes_ones_own_results_alone(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    jobs = [desk.start(name, make_request()) for name in ("ann", "bob")]
    for job in jobs:
        wait_for_end(job)
    desk.leave("ann")
    kept = set(jobs[1].future.result()[0].files.values())
    assert set(everything_in(tmp_path / "results")) == kept


def test_folders_cannot_be_guessed(tmp_path: Path) -> None:
    shelves = Shelves(tmp_path)
    ann, bob = shelves.folder("ann"), shelves.folder("bob")
    assert ann != bob
    assert shelves.folder("ann") == ann
    assert "ann" not in ann.name and len(ann.name) >= 20

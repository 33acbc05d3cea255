"""Jobs: progress, lines, cancelling, private results, nothing half-written."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stereo.app.downloads import make_file
from stereo.app.jobs import Cancelled, Desk
from stereo.app.results import THUMBNAIL, Shelves
from stereo.app.settings import MAX_PICTURES
from stereo.app.store import model_key
from stereo.formats import load
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


def test_a_job_tells_its_steps_and_saves_its_pairs(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    workflow.first = 5
    job = desk.start("ann", [make_request(samples=2, seed=5)])
    assert list(job.follow())
    results = job.future.result()
    assert [result.title for result in results] == ["a red sphere (seed 5)"] * 2
    for k, result in enumerate(results):
        name, content = make_file(result.folder, "sbs")
        (tmp_path / name).write_bytes(content)
        pair = load(tmp_path / name)
        assert np.array_equal(pair.left, make_pair(5 + k).left)
        assert np.array_equal(pair.right, make_pair(5 + k).right)
        assert (result.folder / THUMBNAIL).is_file()
        settings = json.loads(make_file(result.folder, "settings")[1])
        assert settings["command"].startswith("python txt2stereoimg.py --prompt 'a red sphere'")
        assert settings["ckpt"] == "shapes.safetensors"


def test_updates_say_stage_share_and_preview(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    job = desk.start("ann", [make_request()])
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    workflow.step.release()
    update = next(each for each in job.follow() if each.share is not None)
    assert (update.words, update.share, update.detail) == ("Left view", 0.25, "step 1 of 4")
    assert update.left.startswith("data:image/png;base64,")
    assert update.right is None
    workflow.free = True
    workflow.step.release()
    wait_for_end(job)


def test_cancelling_stops_at_the_next_step_and_leaves_nothing(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    workflow.free = False
    job = desk.start("ann", [make_request()])
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
    job = desk.start("ann", [make_request(samples=2)])
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
    job = desk.start("ann", [make_request(samples=2, seed=0)])
    wait_for_end(job)
    with pytest.raises(OSError, match="No space left"):
        job.future.result()
    assert everything_in(tmp_path / "results") == []


def test_one_job_at_a_time_for_a_model_in_order(desk: Desk, workflow: Workflow) -> None:
    workflow.free = False
    first = desk.start("ann", [make_request(prompt="first")])
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    second = desk.start("bob", [make_request(prompt="second")])
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
    job = desk.start("ann", [make_request()])
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
    first = desk.start("ann", [make_request(prompt="first")])
    assert workflow.entered.acquire(timeout=PATIENCE_S)
    second = desk.start("bob", [make_request(prompt="second")])
    third = desk.start("cid", [make_request(prompt="third")])
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
    desk.start("ann", [make_request()])
    with pytest.raises(ValueError, match="earlier job is still running"):
        desk.start("ann", [make_request()])
    desk.start("bob", [make_request()])
    desk.start("cid", [make_request()])
    with pytest.raises(ValueError, match="Too many people"):
        desk.start("dan", [make_request()])
    for name in ("ann", "bob", "cid"):
        desk.cancel(name)
    for _ in range(3 * workflow.steps):
        workflow.step.release()


def test_a_failed_job_makes_room(desk: Desk, workflow: Workflow) -> None:
    workflow.error = ValueError("size: too odd")
    job = desk.start("ann", [make_request()])
    wait_for_end(job)
    with pytest.raises(ValueError, match="too odd"):
        job.future.result()
    workflow.error = None
    again = desk.start("ann", [make_request()])
    wait_for_end(again)
    assert len(again.future.result()) == 1


def test_leaving_deletes_ones_own_results_alone(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    jobs = [desk.start(name, [make_request()]) for name in ("ann", "bob")]
    for job in jobs:
        wait_for_end(job)
    desk.leave("ann")
    kept = set(everything_in(jobs[1].future.result()[0].folder))
    assert set(everything_in(tmp_path / "results")) == kept


def test_folders_cannot_be_guessed(tmp_path: Path) -> None:
    shelves = Shelves(tmp_path)
    ann, bob = shelves.folder("ann"), shelves.folder("bob")
    assert ann != bob
    assert shelves.folder("ann") == ann
    assert "ann" not in ann.name and len(ann.name) >= 20


def photos(folder: Path, *names: str) -> list:
    """Requests for small photos; a name that says so is no picture."""
    for name in names:
        if name.startswith("bad"):
            (folder / name).write_bytes(b"a shopping list")
        else:
            Image.new("RGB", (64, 48), "teal").save(folder / name)
    return [make_request("image", picture=folder / name) for name in names]


def test_pictures_of_a_folder_are_made_one_after_the_other(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    job = desk.start("ann", photos(tmp_path, "a.png", "bad.png", "c.png"))
    words = [update.words for update in job.follow()]
    results = job.future.result()
    assert [result.title for result in results] == ["a red sphere"] * 2
    assert words[-1].startswith("Picture 3 of 3: ")
    assert len(job.left_out) == 1 and job.left_out[0].startswith("image bad.png cannot be read")
    names = [json.loads(make_file(each.folder, "settings")[1])["img_path"] for each in results]
    assert names == ["a.png", "c.png"]


def test_cancelling_a_folder_leaves_nothing_of_it(
    desk: Desk, workflow: Workflow, tmp_path: Path
) -> None:
    workflow.free = False
    job = desk.start("ann", photos(tmp_path, "a.png", "b.png"))
    for _ in range(workflow.steps):
        workflow.step.release()
    for _ in range(2):
        assert workflow.entered.acquire(timeout=PATIENCE_S)  # the first one is saved
    desk.cancel("ann")
    workflow.step.release()
    wait_for_end(job)
    with pytest.raises(Cancelled):
        job.future.result()
    assert everything_in(tmp_path / "results") == []


def test_a_folder_without_a_picture_says_so(desk: Desk, workflow: Workflow, tmp_path: Path) -> None:
    job = desk.start("ann", photos(tmp_path, "bad.png", "bad2.png"))
    wait_for_end(job)
    with pytest.raises(ValueError, match="none of the 2 pictures can be used: .*bad.png"):
        job.future.result()
    with pytest.raises(ValueError, match=f"expected at most {MAX_PICTURES}"):
        desk.start("ann", photos(tmp_path, "a.png") * (MAX_PICTURES + 1))

"""However a run is stopped, resumed it ends with the bits of a run that never was: weights and records."""

import io
import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

import para_former as pf
from para_former.errors import InputError
from para_former.records import read_records, write_records
from para_former.training import loop
from para_former.training.checkpoint import CHECKPOINT_FILE, PREVIOUS_FILE
from para_former.training.deadline import Deadline
from para_former.training.loop import train
from para_former.training.run import alone_in
from tests.networks import small_network
from tests.training.helpers import lines_of, outcome, tiny_run, train_quietly

STEPS = 10  # of one epoch


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return outcome(train_quietly(tiny_run(output=tmp_path_factory.mktemp("whole") / "run")))


@pytest.mark.parametrize(
    ("name", "call", "after"),
    [
        ("learning_rate", 1, False),
        ("learning_rate", STEPS // 2, False),
        ("learning_rate", STEPS + 1, False),
        ("learning_rate", 3 * STEPS, True),
        ("start_record", 1, False),
        ("start_record", 1, True),
        ("append_record", 1, False),
        ("append_record", 1, True),
        ("append_record", 3, True),
        ("save_checkpoint", 1, False),
        ("save_checkpoint", 1, True),
        ("save_checkpoint", 2, False),
        ("save_checkpoint", 3, True),
        ("save", 1, False),
        ("save", 1, True),
        ("sample_images", 1, False),
    ],
)
def test_a_run_stopped_anywhere_and_resumed_equals_the_uninterrupted_one(uninterrupted, stop_at, name, call, after):
    with stop_at(name, call, after):
        train_quietly(tiny_run())
    resume = Path("run/record.jsonl").exists()
    assert resume or name == "start_record"
    assert outcome(train_quietly(tiny_run(resume=resume))) == uninterrupted
    assert not Path("run", CHECKPOINT_FILE).exists()


def test_a_run_with_a_convolutional_stem_stopped_and_resumed_equals_the_uninterrupted_one(stop_at):
    whole = outcome(train_quietly(tiny_run(stem="conv", output=Path("whole"))))
    with stop_at("learning_rate", 2 * STEPS + 3):
        train_quietly(tiny_run(stem="conv"))
    assert outcome(train_quietly(tiny_run(stem="conv", resume=True))) == whole


def test_a_run_stopped_twice_equals_the_uninterrupted_one(uninterrupted, stop_at):
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run())
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run(resume=True))
    assert len(lines_of(Path("run"), "epoch")) == 2
    assert outcome(train_quietly(tiny_run(resume=True))) == uninterrupted


@pytest.mark.parametrize("missing", [1, 30])
def test_a_record_whose_last_line_was_cut_off_is_mended(uninterrupted, stop_at, missing):
    with stop_at("save_checkpoint", 3):
        train_quietly(tiny_run())
    record = Path("run/record.jsonl")
    record.write_bytes(record.read_bytes()[:-missing])
    assert outcome(train_quietly(tiny_run(resume=True))) == uninterrupted


def test_a_run_does_not_take_up_the_state_of_another_run_that_lay_in_its_folder(uninterrupted, stop_at):
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run(seed=5))
    Path("run/record.jsonl").unlink()
    with stop_at("learning_rate", 2):
        train_quietly(tiny_run())
    assert outcome(train_quietly(tiny_run(resume=True))) == uninterrupted


def as_flags(config):
    """The command line of a configuration."""
    flags = []
    for name, value in config.conditions().items():
        name = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            flags += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return flags


def test_a_process_killed_at_a_random_moment_and_resumed_equals_the_uninterrupted_one(tmp_path):
    config = tiny_run(batch_size=16)  # long epochs, so that the moment falls inside one
    command = [sys.executable, "-m", "para_former.cli", "train", *as_flags(config), "--device=cpu", "--output=run"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        share = random.SystemRandom().uniform(0, 2)  # of an epoch, after the first
        record = tmp_path / "run/record.jsonl"
        while not (record.exists() and len(lines := record.read_text().splitlines()) > 1):
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        time.sleep(share * json.loads(lines[1])["seconds"])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if not lines_of(tmp_path / "run", "test"):
        train_quietly(replace(config, output=tmp_path / "run", resume=True))
    whole = train_quietly(replace(config, output=tmp_path / "whole"))
    assert outcome(tmp_path / "run") == outcome(whole), f"killed {share:.3f} epochs after the first"


@pytest.mark.parametrize(
    "changes", [{"lr": 1e-2}, {"epochs": 4}, {"seed": 1}, {"model": "para_former_1_4"}, {"width": 8}]
)
def test_resuming_with_other_settings_is_refused_and_changes_nothing(stop_at, changes):
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run())
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    (name,) = changes
    with pytest.raises(InputError, match=name):
        train_quietly(tiny_run(resume=True, **changes))
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


def test_resuming_where_there_is_nothing_is_refused_and_leaves_nothing():
    with pytest.raises(InputError, match="^run"):
        train_quietly(tiny_run(resume=True))
    assert not Path("run").exists()


def test_resuming_a_finished_run_is_refused_and_changes_nothing():
    train_quietly(tiny_run(epochs=1))
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    with pytest.raises(InputError, match="finished"):
        train_quietly(tiny_run(epochs=1, resume=True))
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


def stopped_in_the_third_epoch(stop_at):
    """A run with two checkpoints: of epoch 2 and, previous, of epoch 1."""
    with stop_at("learning_rate", 2 * STEPS + 3):
        train_quietly(tiny_run())
    return Path("run", CHECKPOINT_FILE), Path("run", PREVIOUS_FILE)


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_off, flip_a_bit, Path.unlink])
def test_a_broken_checkpoint_gives_way_to_the_one_before(uninterrupted, stop_at, damage):
    current, _ = stopped_in_the_third_epoch(stop_at)
    damage(current)
    output = io.StringIO()
    train(tiny_run(resume=True), Console(file=output, soft_wrap=True))
    assert outcome(Path("run")) == uninterrupted
    if damage is not Path.unlink:
        (line,) = [line for line in output.getvalue().splitlines() if CHECKPOINT_FILE in line]
        assert "trying the one before" in line


def test_with_both_checkpoints_broken_the_run_begins_again_and_says_so(uninterrupted, stop_at):
    for path in stopped_in_the_third_epoch(stop_at):
        flip_a_bit(path)
    output = io.StringIO()
    assert outcome(train(tiny_run(resume=True), Console(file=output, soft_wrap=True))) == uninterrupted
    assert output.getvalue().count("trying the one before") == 1
    assert "no whole checkpoint of the last 2 epochs: goes on after epoch 0" in output.getvalue()


def test_a_record_says_where_the_run_went_on_and_under_which_conditions(stop_at):
    for call, resume in (
        (STEPS + 3, False),
        (3, True),
    ):  # twice in the second epoch: the first try to go on has nothing
        with stop_at("learning_rate", call):
            train_quietly(tiny_run(resume=resume))
    train_quietly(tiny_run(resume=True, accumulate=2))
    first, resumed = lines_of(Path("run"), "run")[0], lines_of(Path("run"), "resumed")
    assert [line["epoch"] for line in resumed] == [1]
    assert (first["accumulate"], resumed[0]["accumulate"]) == (1, 2)
    assert resumed[0]["compile"] is first["compile"] is False
    assert resumed[0]["environment"]["threads"] == torch.get_num_threads()


def test_one_process_at_a_time_trains_in_a_folder(stop_at):
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run())
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    with alone_in(Path("run")), pytest.raises(InputError, match="run: expected nobody else to train there"):
        train_quietly(tiny_run(resume=True))
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


def test_epochs_of_another_process_are_not_undone(stop_at, monkeypatch):
    """It was at work between the moments at which this one read the checkpoint and took the folder."""
    with stop_at("learning_rate", STEPS + 3):
        train_quietly(tiny_run())

    def meanwhile(*arguments):
        begun = begin(*arguments)
        with pytest.MonkeyPatch.context() as undone:
            undone.setattr(loop, "_begin", begin)
            train_quietly(tiny_run(resume=True), deadline=Deadline(1e-9))
        return begun

    begin = loop._begin
    monkeypatch.setattr(loop, "_begin", meanwhile)
    with pytest.raises(InputError, match="run: another process trained there meanwhile"):
        train_quietly(tiny_run(resume=True))
    assert [line["epoch"] for line in lines_of(Path("run"), "epoch")] == [1, 2]


def test_a_run_whose_record_is_gone_leaves_nothing_to_the_next(stop_at):
    folder = train_quietly(tiny_run(), deadline=Deadline(1e-9))
    (folder / "record.jsonl").unlink()
    (folder / "evaluations.jsonl").touch()
    with stop_at("learning_rate", 3):
        train_quietly(tiny_run(seed=1))
    assert [path.name for path in folder.iterdir()] == ["record.jsonl"]


def test_a_network_without_a_record_is_not_replaced():
    pf.save(small_network(), "run")
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    with pytest.raises(InputError, match="run: expected no network where a run begins, found model.safetensors"):
        train_quietly(tiny_run())
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


def test_a_run_that_another_process_has_begun_meanwhile_is_left_alone(monkeypatch):
    def meanwhile(*arguments):
        begun = begin(*arguments)
        write_records(Path("run/record.jsonl"), [{"kind": "run", "config": {}}])
        return begun

    begin = loop._begin
    monkeypatch.setattr(loop, "_begin", meanwhile)
    with pytest.raises(InputError, match="run: holds a run already"):
        train_quietly(tiny_run())
    assert read_records(Path("run/record.jsonl")) == [{"kind": "run", "config": {}}]


def test_a_resumed_run_clears_away_what_a_killed_one_was_writing():
    train_quietly(tiny_run(), deadline=Deadline(1e-9))
    (Path("run") / ".checkpoint.next.safetensors.123.tmp").touch()
    train_quietly(tiny_run(resume=True), deadline=Deadline(1e-9))
    assert not list(Path("run").glob(".*.tmp"))


def test_a_resumed_run_looks_for_its_data_where_the_user_says(monkeypatch):
    train_quietly(tiny_run(), deadline=Deadline(1e-9))
    asked, real = [], loop.dataset_of
    monkeypatch.setattr(loop, "dataset_of", lambda line, root: asked.append(root) or real(line, root))
    train_quietly(tiny_run(resume=True, data_root=Path("mine")), deadline=Deadline(1e-9))
    assert asked == [Path("mine")]

"""What TensorBoard is given, read back by TensorBoard."""

from dataclasses import replace
from pathlib import Path

import pytest

from para_former.errors import InputError
from para_former.training.deadline import Deadline
from para_former.training.scalars import scalar_writer
from tests.training.helpers import lines_of, tiny_run, train_quietly


def events_in(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "tensorboard")).Reload()


def test_scalars_are_those_of_the_record_and_a_resumed_run_takes_its_epochs_back(tmp_path):
    for done, epochs in ((0, (1, 2)), (1, (2, 3))):  # stopped before the checkpoint of epoch 2
        with scalar_writer(tmp_path, True, done) as write:
            for epoch in epochs:
                write({"kind": "epoch", "epoch": epoch, "train_loss": 10.0 * done + epoch})
    events = events_in(tmp_path)
    assert events.Tags()["scalars"] == ["train_loss"]
    assert [(event.step, event.value) for event in events.Scalars("train_loss")] == [(1, 1), (2, 12), (3, 13)]


def test_a_run_that_is_taken_up_again_adds_to_its_scalars():
    config = tiny_run(tensorboard=True)
    train_quietly(config, deadline=Deadline(1e-9))
    folder = train_quietly(replace(config, resume=True))
    events = events_in(folder).Scalars("validation_top1")
    expected = [(line["epoch"], pytest.approx(line["validation_top1"])) for line in lines_of(folder, "epoch")]
    assert [(event.step, event.value) for event in events] == expected


def test_without_tensorboard_a_run_that_asks_for_it_is_not_begun(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="tensorboard: not installed"):
        train_quietly(tiny_run(tensorboard=True))
    assert not Path("run").exists()

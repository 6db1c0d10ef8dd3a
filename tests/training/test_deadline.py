"""Work in pieces: a deadline ends each at the end of an epoch, and together they leave the bits of one go."""

import io
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from para_former.errors import InputError
from para_former.records import SHAPE
from para_former.training.checkpoint import CHECKPOINT_FILE
from para_former.training.deadline import NEVER, Deadline
from para_former.training.loop import train
from para_former.training.reproduce import cells, reproduce
from para_former.training.run import epochs_recorded, is_finished
from tests.reports.helpers import latency_line
from tests.training.helpers import TIMES, lines_of, outcome, tiny_run, train_quietly

QUIET = Console(file=io.StringIO())
STEPS = 10  # of one epoch


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self):
        return self.now


def ticking(seconds):
    """A deadline after so many looks at the clock, of which an epoch and what follows it take three or four."""
    return Deadline(seconds / 60, clock=count().__next__)


@pytest.mark.parametrize(("loading", "epoch", "done"), [(0, 10, 6), (0, 30, 2), (0, 31, 1), (15, 20, 2), (99, 1, 1)])
def test_no_epoch_begins_that_would_end_too_late_if_it_took_as_long_as_the_last(loading, epoch, done):
    clock = Clock()
    deadline, epochs = Deadline(minutes=1.0, clock=clock), []
    clock.now += loading
    for number in deadline.until(range(1, 100)):
        epochs.append(number)
        clock.now += epoch
    assert epochs == list(range(1, done + 1)) and deadline.is_near


@pytest.mark.parametrize(("rest", "near"), [(50, False), (49, True)])
def test_the_first_epoch_of_a_training_is_expected_to_compile_as_the_one_before_did(rest, near):
    clock = Clock()
    deadline = Deadline(minutes=1.5, clock=clock)
    for epoch in deadline.until(range(1, 4)):
        clock.now += 33 if epoch == 1 else 1
    clock.now = 90 - rest
    assert not deadline.is_near
    clock.now += 17  # the test split and the timing of the network
    assert deadline.is_near == near


def test_a_deadline_without_minutes_never_comes():
    clock = Clock()
    deadline, epochs = Deadline(clock=clock), []
    for number in deadline.until(range(5)):
        epochs.append(number)
        clock.now += 1e9
    assert epochs == list(range(5)) and not deadline.is_near and not NEVER.is_near


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_minutes_are_above_zero(minutes):
    with pytest.raises(InputError, match="minutes: expected a number above 0"):
        Deadline(minutes)


def test_a_run_that_meets_its_deadline_is_left_as_by_ctrl_c_after_the_epoch(stop_at):
    train(tiny_run(), QUIET, ticking(1))
    with stop_at("learning_rate", STEPS + 1):
        train_quietly(tiny_run(output=Path("stopped")))
    own, stopped = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jsonl"}
        for folder in (Path("run"), Path("stopped"))
    )
    assert own == stopped and own.keys() == {CHECKPOINT_FILE}
    assert untimed(Path("run")) == untimed(Path("stopped")) and epochs_recorded(Path("run")) == 1


def test_a_training_that_ends_at_the_deadline_is_tested():
    train(tiny_run(epochs=1), QUIET, ticking(1))
    assert is_finished(Path("run")) and not Path("run", CHECKPOINT_FILE).exists()


def untimed(folder):
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines_of(folder)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two networks on the digits and on a folder of red and blue pictures, two epochs each, into the folder pieces."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(40):
        name, color = ("red", (250, number, 0)) if number % 2 else ("blue", (0, number, 250))
        (folder / name).mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), color).save(folder / name / f"{number}.png")
    digits, pictures = tiny_run(epochs=2), tiny_run(dataset=f"folder:{folder}", image_size=8, batch_size=16, epochs=2)
    return [run for each in (digits, pictures) for run in cells("1-1,2-2", each, 1, Path("pieces"))]


@pytest.fixture(scope="module")
def whole(runs, tmp_path_factory):
    """What the runs end with where nothing stops them."""
    folder = tmp_path_factory.mktemp("whole")
    return [outcome(train_quietly(replace(run, output=folder / str(number)))) for number, run in enumerate(runs)]


@pytest.fixture
def timings(monkeypatch):
    """The networks timed, in turn; how long they take is not the question here."""
    networks = []

    def measure(config, *, device):
        networks.append(config)
        return latency_line(
            config.depth, config.layers, device=device, **{each: getattr(config, each) for each in SHAPE}
        )

    monkeypatch.setattr("para_former.training.reproduce.measure_latency", measure)
    return networks


@pytest.mark.parametrize("seconds", [1, 6, 11])
def test_pieces_end_with_the_bits_of_one_go(runs, whole, timings, seconds):
    left, done, pieces = runs, 0, 0
    while left:
        left = reproduce(runs, Path("pieces"), QUIET, ticking(seconds))
        before, done = done, sum(epochs_recorded(run.folder()) for run in runs)
        assert done > before
        assert [is_finished(run.folder()) for run in runs] == [run not in left for run in runs]
        assert sum(epochs_recorded(run.folder()) == 1 for run in runs) <= 1
        pieces += 1
    assert 1 < pieces <= done == 8 and len(timings) == 4
    assert [outcome(run.folder()) for run in runs] == whole
    finished = {path: path.read_bytes() for path in Path("pieces").rglob("*") if path.is_file()}
    assert reproduce(runs, Path("pieces"), QUIET, ticking(1)) == []
    assert finished == {path: path.read_bytes() for path in Path("pieces").rglob("*") if path.is_file()}


def test_what_a_deadline_leaves_has_not_begun_but_for_the_next(timings):
    runs = cells("1-1,2-2", tiny_run(epochs=2), 1, Path("table"))
    assert reproduce(runs, Path("table"), QUIET, ticking(1)) == runs
    assert [run.folder().exists() for run in runs] == [True, False] and not timings
    assert reproduce(runs, Path("table"), QUIET, ticking(1)) == runs[1:]
    assert [run.folder().exists() for run in runs] == [True, False] and len(timings) == 1

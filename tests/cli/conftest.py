"""Running the command as the installed script does, and one trained network for all its tests."""

import shutil
import traceback
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from para_former.bench import measure_latency
from para_former.cli.main import main

TRAIN = [
    "train",
    "--dataset=digits",
    "--model=para_former_1_6",
    "--epochs=5",
    "--width=32",
    "--padding=0",
    "--device=cpu",
]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys):
    """Exit code, standard output and standard error of `para-former ARGUMENTS`, in this process."""

    def run_command(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        except Exception:
            traceback.print_exc()  # what Python does with it
            code = 1
        return Outcome(code, *capsys.readouterr())

    return run_command


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main([*TRAIN, f"--output={folder}"]) == 0
    return folder


@pytest.fixture
def trained(trained_once, tmp_path) -> Path:
    """A finished run that a test may damage."""
    return shutil.copytree(trained_once, tmp_path / "trained")


@pytest.fixture
def files(tmp_path):
    """Every file and folder below the test's own folder, with its content."""
    return lambda: {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}


@pytest.fixture(autouse=True)
def timed_briefly(monkeypatch):
    """How long a network takes is no test's business."""
    monkeypatch.setattr("para_former.training.reproduce.measure_latency", partial(measure_latency, rounds=3))

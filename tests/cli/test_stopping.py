"""Ctrl-C and SIGTERM end a run in one line that says how to go on, and going on ends as if nothing had been."""

import shlex
import signal
import subprocess
import sys
import time

import pytest

from para_former.cli import train
from para_former.cli.main import main
from para_former.cli.stopping import stoppable
from tests.training.helpers import outcome

NETWORK = "--model para_former_1_2 --width 16 --heads 2"
TRAIN = f"train --dataset digits {NETWORK} --epochs 2 --batch-size 8 --device cpu --seed 3"


def start(arguments, folder):
    """As from a terminal: a suite in the background of a shell is deaf to SIGINT, and its children with it."""
    command = [sys.executable, "-m", "para_former.cli", *arguments]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a handler is not inherited, deafness is
    try:
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main([*shlex.split(TRAIN), f"--output={folder}"]) == 0
    return outcome(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_one_line_with_the_command_that_goes_on(tmp_path, run, uninterrupted, number):
    process = start(shlex.split(f"{TRAIN} --output run"), tmp_path)
    record = tmp_path / "run/record.jsonl"
    while not (record.exists() and record.read_text().count("\n") > 0):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") == 1 and "Traceback" not in err
    command = err.split("by: para-former ")[1]
    assert shlex.split(command) == shlex.split(f"{TRAIN} --output run --resume")

    code, _, err = run(*shlex.split(command))
    assert (code, err) == (0, "")
    assert outcome(tmp_path / "run") == uninterrupted


def test_stopped_before_anything_was_done_the_same_command_begins(run, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "train", stopped)
    arguments = [*shlex.split(TRAIN), "--output", "run"]
    code, _, err = run(*arguments)
    assert (code, err) == (
        1,
        f"para-former train: stopped; go on from the last whole epoch by: para-former {shlex.join(arguments)}\n",
    )


def test_after_a_command_sigterm_is_what_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with stoppable(lambda: ""):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before

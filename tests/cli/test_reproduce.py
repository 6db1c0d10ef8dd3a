"""`para-former reproduce` in pieces and for several data sets, as a user runs it."""

import json
import shlex
from pathlib import Path

import pytest

from para_former.cli import reproduce
from para_former.records import read_records

COMMAND = [
    "reproduce",
    "--dataset=digits,stl10",
    "--data-root=empty",
    "--table=1-1",
    "--epochs=2",
    "--output=some where",
]
PIECE = [*COMMAND, "--minutes=1e-9", "--device=cpu"]


def test_pieces_say_how_far_they_came_and_how_to_go_on(run):
    Path("empty").mkdir()
    code, out, err = run(*PIECE)
    assert (code, err) == (0, "")
    first, last = out.splitlines()[0], out.splitlines()[-1]
    assert first.startswith("stl10 is left out: empty: expected STL-10") and out.count("stl10 is left out") == 1
    standing, command = last.split("; go on by: para-former ")
    assert standing == "0 of 1 cells finished; next is para_former_1_1 on digits, seed 0, after epoch 1 of 2"
    assert shlex.split(command) == PIECE
    record = Path("some where/digits/basic-e2/para_former_1_1-s0/record.jsonl")
    assert [line["kind"] for line in read_records(record)] == ["run", "epoch"]
    assert "training unfinished, epoch 1 of 2" in Path("some where/report.md").read_text()

    code, out, err = run(*shlex.split(command), "--json")
    result = json.loads(out)
    assert (code, result["finished"], result["cells"]) == (0, 1, 1)
    assert err.splitlines()[-1] == "1 of 1 cells finished; nothing is left to do"
    assert [line["kind"] for line in read_records(record)] == ["run", "epoch", "resumed", "epoch", "test"]
    assert "Training: 1 network, 1 run" in Path("some where/report.md").read_text()


@pytest.fixture
def asked(monkeypatch):
    """The cells that `reproduce` is asked to fill; it stops before the first."""
    found = []

    def stop(runs, *_):
        found.extend(runs)
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "reproduce", stop)
    return found


def test_every_cell_is_trained_as_the_flags_say(run, asked):
    flags = ["--device=cpu", "--precision=bf16", "--compile", "--epochs=7", "--seeds=2"]
    code, _, err = run("reproduce", "--table=1-1", *flags)
    again = shlex.join(["para-former", "reproduce", "--table=1-1", *flags])
    assert (code, err) == (1, f"para-former reproduce: stopped; go on from the last whole epoch by: {again}\n")
    assert [(each.device, each.precision, each.compile, each.epochs) for each in asked] == [
        ("cpu", "bf16", True, 7)
    ] * 2
    assert [each.seed for each in asked] == [0, 1]


def test_a_finished_table_needs_no_data(run, asked, monkeypatch):
    Path("empty").mkdir()
    command = ["reproduce", "--dataset=cifar10", "--data-root=empty", "--table=1-1"]
    assert run(*command).code == 2 and not asked
    monkeypatch.setattr(reproduce, "is_finished", lambda folder: True)
    assert run(*command).code == 1 and len(asked) == 1


def test_a_table_with_a_cell_that_diverged_is_reported_and_fails(run, monkeypatch):
    def diverged(*_):
        raise FloatingPointError("table/x: loss not finite in epoch 2")

    assert run("reproduce", "--table=1-1", "--epochs=1", "--device=cpu", "--output=table").code == 0
    Path("table/report.md").unlink()
    monkeypatch.setattr(reproduce, "reproduce", diverged)
    code, out, err = run("reproduce", "--table=1-1,1-2", "--epochs=1", "--device=cpu", "--output=table")
    assert (code, err.count("\n")) == (1, 1) and "loss not finite" in err
    assert "1 of 2 cells finished; next is para_former_1_2" in out and Path("table/report.md").exists()


def test_cells_look_for_their_data_where_the_user_says(run, asked):
    run("reproduce", "--table=1-1", "--data-root=mine")
    assert [each.data_root for each in asked] == [Path("mine")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--recipe=shallow --ablation", {("shallow", None), ("shallow-ablation", None)}),
        ("--recipe=paper-short --fingerprint", {("fingerprint", None)}),
        ("--recipe=shallow --train-images=200,100", {("shallow", 200), ("shallow", 100)}),
        ("--recipe=shallow", {("shallow", None)}),
    ],
)
def test_every_study_lists_cells_of_its_own(run, asked, monkeypatch, options, expected):
    monkeypatch.setattr(reproduce, "is_finished", lambda folder: True)  # then no data are needed
    run("reproduce", "--dataset=cifar10", "--table=1-1", *options.split())
    assert {(each.recipe, each.train_images) for each in asked} == expected

"""`para-former reproduce` in pieces and for several data sets, as a user runs it."""

import json
import shlex
from pathlib import Path

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

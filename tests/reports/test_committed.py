"""`docs/reproduction.md` is what the committed records say: no figure in it was typed or drawn, and none is stale."""

import os
import re
from pathlib import Path

import pytest

from para_former.reports import write_report

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
PLACE = r"-?\d+(?:\.\d+)?"


def test_the_committed_text_and_drawings_are_what_the_committed_records_give(tmp_path):
    """Made by `para-former report results --markdown docs/reproduction.md`. Drawings to a tenth of a unit: other
    processors round otherwise."""
    _, written = write_report([RESULTS], tmp_path, tmp_path / "docs/reproduction.md")
    way = Path(os.path.relpath(RESULTS, written.parent)).as_posix()
    assert written.read_text().replace(f"{way}/", "../results/") == (ROOT / "docs/reproduction.md").read_text()

    drawn, committed = (
        {path.name: path.read_text() for path in folder.glob("reproduction_figures/*")}
        for folder in (written.parent, ROOT / "docs")
    )
    assert drawn.keys() == committed.keys()
    for name, text in drawn.items():
        assert re.split(PLACE, text) == re.split(PLACE, committed[name]), name
        places = [list(map(float, re.findall(PLACE, each))) for each in (text, committed[name])]
        assert places[0] == pytest.approx(places[1], rel=0, abs=0.1), name

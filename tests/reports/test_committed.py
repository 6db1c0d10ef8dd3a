"""`docs/reproduction.md` is what the committed records say: no figure in it was typed, and none is stale."""

from pathlib import Path

from para_former.records import find_records
from para_former.reports import bench_plots, data_plots, frontier_plot, plots, theory_plots
from para_former.reports.page import build_markdown

ROOT = Path(__file__).parents[2]


def test_the_committed_text_is_what_the_committed_records_give(monkeypatch):
    """Made by `para-former report results --markdown docs/reproduction.md`; its drawings are in the HTML page alone."""
    for module in (plots, bench_plots, data_plots, frontier_plot, theory_plots):
        monkeypatch.setattr(module, "svg", lambda *_, **__: "<svg/>")
    results = ROOT / "results"
    records = {path.relative_to(results).as_posix(): lines for path, lines in find_records([results])}
    assert build_markdown(records, "../results/") == (ROOT / "docs/reproduction.md").read_text()

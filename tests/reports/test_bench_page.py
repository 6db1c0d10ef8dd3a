"""The section of `bench` records on the page: complete, drawn in the page's colours, the same bytes every time."""

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
from rich.console import Console

from para_former.records import write_records
from para_former.reports import bench_plots, bench_section
from para_former.reports.bench import collect_bench
from para_former.reports.console import print_tables
from para_former.reports.document import Grid
from para_former.reports.page import build_markdown, build_page
from tests.reports import bench_records

from . import bench_records as records
from . import helpers

HOSTILE = "<script>alert(1)</script>"
ALL = {"bench/bench-cpu.jsonl": records.cpu(), "bench/bench-gpu.jsonl": records.gpu()}


@pytest.fixture(scope="module")
def page():
    return build_page(ALL)


def text(lines):
    return plain(build_page(lines))


def plain(page):
    return helpers.Page(page).text.replace("\xa0", " ")


def test_the_section_has_every_part(page):
    found = plain(page)
    for expected in (
        "CPU, Example CPU @ 2.50GHz, 2 threads: suite cpu", "GPU, Example GPU: suite gpu", "torch 2.11.0",
        "Clocks: cpu 2500 to 2600 MHz.", "Clocks: clocks.sm 1980 MHz.", "Threads: 2.", "bench/bench-cpu.jsonl",
        "Latency against layers.",
        "Speed-up against batch.", "Speed-up against depth.", "Who contributes what.", "All contenders at Para-F-1-24",
        "no C++ compiler", "A training step", "Every point",
        "time of serial-graph over ours (prepared), medians; 4 of 4", "gpu memory 80 GiB",
    ):  # fmt: skip
        assert expected in found


def test_devices_without_records_are_not_measured(page):
    assert "GPU: not measured; para-former bench --suite gpu" in text({"a": records.cpu()})
    assert "CPU: not measured; para-former bench --suite cpu" in text({"a": records.gpu()})
    assert "not measured; para-former bench" not in plain(page)
    assert "para-former bench" not in text({"a": helpers.training()})


def test_rebuilt_twice_it_is_byte_identical(page):
    assert build_page(ALL) == page
    assert build_markdown(ALL) == build_markdown(dict(reversed(ALL.items())))


def test_ids_of_all_drawings_and_titles_of_all_sections_are_unique(page):
    """Also where one file holds what two machines, or one with other threads, measured."""
    other = [{**line, "environment": {**line["environment"], "hardware": {"cpu": "another"}}} for line in records.cpu()]
    more = [{**line, "threads": line["threads"] + 1} for line in records.gpu()]
    every = {**ALL, "a": [*next(iter(ALL.values())), *other, *more, *records.cpu(), *records.gpu()]}
    for parsed in (helpers.Page(page), helpers.Page(build_page(every))):
        assert len(parsed.ids) == len(set(parsed.ids))
    titles = [line for line in build_markdown(every).splitlines() if line.startswith("### ")]
    assert len(titles) == len(set(titles)) and sum("GPU" in title and "thread" in title for title in titles) == 2


@pytest.mark.parametrize(
    "lines",
    [
        [records.bench_line({"prepared": 5.0}, missing={"serial": "no memory"})],
        [records.bench_line({"prepared": 5.0}, missing={"serial": "no memory"}, layers=n) for n in (1, 24)],
        [records.bench_line({}, missing={"serial": "no memory", "prepared": "no memory"})],
        [
            records.bench_line({"loop": 5.0, "prepared": 4.0}, suite="grid", depth=m, batch=b)
            for m in (1, 2)
            for b in (1, 2)
        ],
    ],
)
def test_whatever_is_missing_there_is_a_page(lines):
    assert "Relative error" in text({"a": lines})
    build_markdown({"a": lines})


def test_hostile_text_is_escaped():
    line = records.bench_line(notes={"serial": HOSTILE}, missing={HOSTILE: HOSTILE}, suite=HOSTILE, pool=HOSTILE)
    assert "script" not in helpers.Page(build_page({HOSTILE: [line]})).tags


def test_drawings_are_svg_in_the_pages_colours():
    suite = collect_bench(ALL)[0]
    drawn = {
        bench_plots.latency_against_layers: suite.series("layers", depth=1),
        bench_plots.speedup_against_batch: suite.series("batch", depth=1),
        bench_plots.speedup_against_depth: suite.series("depth", batch=1),
    }
    for draw, points in drawn.items():
        svg = draw(points)
        texts = {element.text for element in ElementTree.fromstring(svg).iter("text")}
        assert {"prepared", "stacked", "loop", "serial-readout"} <= texts
        assert ("n/m, the paper" in texts) == (draw is bench_plots.speedup_against_depth)
        assert "var(--depth-1)" in svg and not re.search(r"#[0-9a-f]{6}\b|https?:", svg)


def test_the_overview_on_a_terminal(tmp_path):
    write_records(tmp_path / "bench.jsonl", records.cpu())
    file = io.StringIO()
    print_tables([tmp_path], Console(file=file, width=100))
    assert "suite cpu" in file.getvalue() and "Para-F-2-24" in file.getvalue()


@pytest.mark.parametrize(("peer", "drawn"), [("serial", True), ("loop", False)])
def test_the_papers_speed_up_is_told_of_serial_networks_alone(peer, drawn):
    lines = [bench_records.bench_line({peer: 10.0, "prepared": 5.0}, depth=m, suite="x") for m in (1, 2)]
    titles = [
        figure.title
        for block in bench_section.bench_section({"a": lines})
        if isinstance(block, Grid)
        for figure in block.members
    ]
    assert ("Speed-up against depth." in titles) == drawn


def test_the_shares_of_each_idea_are_told_of_one_width():
    lines = [bench_records.bench_line(width=width, depth=m) for width in (192, 768) for m in (1, 2)]
    (suite,) = collect_bench({"a": lines})
    assert {point.line["width"] for point in bench_section._shared(suite)} == {192}

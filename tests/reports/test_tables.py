"""Cells of the tables: what is measured appears, what is not reads `not measured`, in Markdown and HTML alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.reports.document import Cell, Table
from para_former.reports.experiments import experiments
from para_former.reports.runs import collect
from para_former.reports.tables import (
    accuracy_table,
    duration,
    latency_table,
    number_places,
    place_table,
    ratio,
    run_table,
)

from . import helpers


def table(records):
    (experiment,) = experiments(*collect(records))
    return accuracy_table(experiment)


def row(records, label):
    found = table(records)
    cells = next(cells for cells in found.rows if cells[0].text == label)
    return dict(zip(found.columns, cells, strict=True))


def test_every_column_of_a_measured_network():
    cells = row(helpers.family(), "Para-F-1-6")
    assert {name: (cell.text, cell.beside) for name, cell in cells.items()} == {
        "Network": ("Para-F-1-6", ""),
        "Sequential depth": ("1", ""),
        "Parameters": ("2,844,000", ""),
        "Test top-1, %": ("65.30", "± 0.30"),
        "Seeds": ("3", ""),
        "Paper, 500 epochs, %": ("64.90", ""),
        "This network, ms": ("0.620", ""),
        "Serial, ms": ("3.30", ""),
        "Speed-up": ("5.32×", ""),
    }
    assert row(helpers.family(), "Para-F-6-24")["Test top-1, %"].kind == "best"


def test_deleting_records_turns_cells_to_not_measured():
    family = helpers.family()
    kept = {path: lines for path, lines in family.items() if "para_former_1_6/" not in path and "latency" not in path}
    for cells in table(kept).rows:
        assert [cell.text for cell in cells[-3:]] == ["not measured"] * 3
    assert "Para-F-1-6" not in [cells[0].text for cells in table(kept).rows]  # the paper's tables say so


def test_unfinished_runs_say_how_far_they_came():
    cells = row({"a": helpers.training(done=2)}, "Para-F-1-6")
    assert cells["Test top-1, %"] == Cell("not measured", below="training unfinished, epoch 2 of 3", kind="missing")
    mixed = {"a": helpers.training(top1=60.0), "b": helpers.training(seed=1, done=2)}
    assert row(mixed, "Para-F-1-6")["Test top-1, %"] == Cell("60.00", kind="best")
    assert row(mixed, "Para-F-1-6")["Seeds"] == Cell("1", below="1 more untested")


def test_runs_that_repeat_a_seed_are_told():
    repeated = {"a": helpers.training(top1=60.0), "b": helpers.training(top1=62.0)}
    assert row(repeated, "Para-F-1-6")["Seeds"] == Cell("1", below="in 2 runs")


def test_a_data_set_outside_the_paper_has_no_column_for_it():
    assert "Paper, 500 epochs, %" not in table(helpers.family("digits")).columns


def test_the_speed_of_a_run_is_the_median_of_its_epochs():
    lines = helpers.training(epochs=2)
    lines[1]["images_per_second"], lines[2]["images_per_second"] = 1000.0, 3000.0
    runs, _ = collect({"a": lines})
    (cells,) = run_table(runs, number_places([run.line for run in runs])).rows
    assert "2,000" in [cell.text for cell in cells]


def test_conditions_of_every_run_and_latency():
    runs, latencies = collect(helpers.family(seeds=(0,)))
    places = number_places([*(run.line for run in runs), *latencies])
    assert [cell.text for cell in place_table(places).rows[0]] == [
        "1",
        "cpu Example CPU @ 2.50GHz, cores 2, machine x86_64",
        "python 3.11.9, para-former 0.1.0, torch 2.11.0, timm 1.0.20",
        "0123456789ab",
    ]
    *cells, record = run_table(runs, places).rows[0]
    assert [cell.text for cell in cells] == [
        "Para-F-1-1", "CIFAR-10", "basic", "0", "3 of 3", "56.00", "3,700", "abcdef012345", "1"
    ]  # fmt: skip
    path = "cifar10/para_former_1_1/seed-0/record.jsonl"
    assert record.links == ((path, path),)
    first = latency_table(latencies, places).rows[0]
    assert [cell.text for cell in first] == [
        "Para-F-1-1", "CIFAR-10", "Example CPU @ 2.50GHz, 2 threads, float32", "–", "–", "1", "65", "192", "0.520",
        "0.550", "1.06×", "1e-06", "1",
    ]  # fmt: skip
    assert first[8].below == "0.504–0.541"


def test_the_caption_names_the_conditions_of_the_latencies():
    caption = table(helpers.family(seeds=(0,))).caption
    serial = "Serial is a network of as many layers in series (timm serial ViT)"
    assert (
        f"batch 1, Example CPU @ 2.50GHz, 2 threads, float32, the fastest where there are several. {serial}" in caption
    )
    assert "Latency" not in table({"a": helpers.training()}).caption


def test_markdown_and_html_of_one_table():
    example = Table(
        "A caption.", ("Name", "Top-1"), frozenset({"Top-1"}), ((Cell("a|b"), Cell("9.50", "± 1.00", "why")),)
    )
    assert example.markdown() == "| Name | Top-1 |\n| --- | ---: |\n| a\\|b | 9.50 ± 1.00 (why) |\n\nA caption.\n"
    assert (
        '<td class="number">9.50 <span class="beside">± 1.00</span><span class="below">why</span></td>'
        in example.html()
    )


def test_rows_may_name_their_columns_in_any_order_and_give_texts_for_cells():
    found = Table.from_rows("Both.", [{"Name": "a", "Top-1": 9}, {"Top-1": Cell("8", "± 1"), "Name": "b"}], {"Name"})
    rows = ((Cell("a"), Cell("9")), (Cell("b"), Cell("8", "± 1")))
    assert found == Table("Both.", ("Name", "Top-1"), frozenset({"Top-1"}), rows)


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=4), st.text())
def test_no_text_breaks_a_table(rows, caption):
    cells = tuple((Cell(first, below=note), Cell(second, note)) for first, second, note in rows)
    example = Table(caption, ("One", "Two"), frozenset({"Two"}), cells)
    assert helpers.Page(example.html()).tags <= {
        "figure", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "wbr", "figcaption",
    }  # fmt: skip
    lines = example.markdown().split("\n")
    assert len(lines) == len(rows) + 5
    for line in lines[: len(rows) + 2]:
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.50×"), (9.99, "9.99×"), (22.06, "22.1×")])
def test_ratios(value, text):
    assert ratio(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3569, "59 min"), (3570, "1 h 0 min"), (11520, "3 h 12 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text

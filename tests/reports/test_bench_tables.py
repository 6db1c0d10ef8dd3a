"""Cells of the tables of `bench` records: the figures of the records, and `not measured` where there is none."""

import pytest

from para_former.reports.bench import collect_bench
from para_former.reports.bench_tables import (
    MEANING,
    graphs_table,
    overview,
    peers_table,
    points_table,
    shares_table,
    training_table,
)
from tests.reports import bench_records

from . import bench_records as records


def suite(lines):
    (found,) = collect_bench({"a.jsonl": list(lines)})
    return found


def cells(table, index=0):
    return dict(zip(table.columns, table.rows[index], strict=True))


def test_every_column_of_a_point():
    line = records.bench_line(notes={"loop": "slow"}, missing={"vmap": "no torch.func"})
    row = cells(points_table(suite([line])))
    assert {name: (cell.text, cell.below) for name, cell in row.items()} == {
        "Network": ("Para-F-1-24", ""),
        "Width": ("192", ""),
        "Read-out": ("cls", ""),
        "Dtype": ("float32", ""),
        "Batch": ("1", ""),
        "Tokens": ("65", ""),
        "Serial, ms": ("20.00", "19.60–20.40"),
        "Prepared, ms": ("5.00", "4.90–5.10"),
        "Speed-up": ("4.00×", "3.92×–4.08×"),
        "Relative error": ("1e-06", ""),
        "Fastest other peer": ("serial-readout", ""),
        "Its ms": ("19.20", "18.82–19.58"),
    }


def test_the_overview_has_a_network_a_row_and_an_input_a_column():
    table = overview(suite(records.cpu()))
    assert table.columns == ("Network", "Width", "Read-out", "Dtype", "batch 1, 64 patches", "batch 16, 64 patches")
    assert [row[0].text for row in table.rows] == ["Para-F-1-24", "Para-F-2-24"]
    assert "4 of 4 cells measured" in table.caption
    medians = records.times()
    assert cells(table)["batch 1, 64 patches"].text == f"{medians['serial'] / medians['prepared']:.1f}×"
    assert cells(table)["batch 1, 64 patches"].below == f"{17 / medians['prepared']:.1f}× vmap"


def test_a_record_taken_away_takes_its_row_and_empties_its_cell():
    lines = [records.bench_line(depth=m, batch=b) for m in (1, 2, 3) for b in (1, 4, 16)]
    whole, less = suite(lines), suite(lines[:-1])
    assert len(points_table(whole).rows) == 9 and len(points_table(less).rows) == 8
    assert cells(overview(whole), 2)["batch 16, 64 patches"].text == "4.00×"
    assert cells(overview(less), 2)["batch 16, 64 patches"].text == "not measured"
    assert "8 of 9 cells measured" in overview(less).caption


def test_a_contender_that_failed_says_why():
    row = cells(points_table(suite([records.bench_line({}, missing={"serial": "killed", "prepared": "no memory"})])))
    assert (row["Serial, ms"].below, row["Prepared, ms"].below) == ("killed", "no memory")
    assert {row[name].text for name in ("Serial, ms", "Prepared, ms", "Speed-up", "Relative error")} == {"not measured"}


def test_of_a_large_suite_the_least_gains_are_shown():
    lines = [
        records.bench_line({"loop": 10.0, "prepared": 5.0 + batch / 10}, suite="grid", batch=batch, layers=layers)
        for batch in range(1, 56)
        for layers in (6, 24)
    ]
    table = points_table(suite(lines))
    assert "The 12 points of 110 at which ours gains least" in table.caption
    assert len(table.rows) == 12 and cells(table)["Batch"].text == "55" and cells(table)["Speed-up"].text == "0.95×"
    assert cells(table)["Fastest other peer"].text == "–"


def test_graphs_of_fewer_kernels_stand_beside_those_of_serial_networks():
    ms = {"serial": 8.0, "serial-graph": 2.0, "serial-compiled": 1.5, "prepared": 0.4, "prepared-compiled": 0.25}
    other = {"serial": 8.0, "serial-graph": 2.0, "prepared": 0.5, "prepared-fused": 0.2}
    alone = {"serial": 8.0, "serial-graph": 2.0, "prepared": 0.5}
    lines = [records.bench_line(times, depth=depth) for depth, times in enumerate((ms, other, alone), start=1)]
    texts = [[row[0].text, *(cell.text for cell in row[6:])] for row in graphs_table(suite(lines)).rows]
    missing = "not measured"
    assert texts == [
        ["Para-F-1-24", "prepared", "0.400", "2.00", "1.50", "5.00×", "3.75×"],
        ["Para-F-1-24", "prepared-compiled", "0.250", "2.00", "1.50", "8.00×", "6.00×"],
        ["Para-F-2-24", "prepared", "0.500", "2.00", missing, "4.00×", missing],
        ["Para-F-2-24", "prepared-fused", "0.200", "2.00", missing, "10.0×", missing],
    ]
    assert graphs_table(suite(records.cpu())) is None  # nothing is recorded on a CPU


def test_a_training_step_has_its_memory():
    table = training_table(suite(records.cpu()))
    assert [row[6].text for row in table.rows] == ["stacked", "serial"]
    row = cells(table)
    assert [row[name].text for name in ("Step, ms", "Speed-up", "Peak memory, MiB", "Of the baseline's")] == [
        "100", "40.0×", "100.0", "5.0 %"
    ]  # fmt: skip
    without = records.bench_line({"serial": 9.0}, mode="training", missing={"stacked": "no memory"})
    row = cells(training_table(suite([without])), 1)
    assert row["Step, ms"].below == "no memory" and row["Peak memory, MiB"].text == "not measured"
    assert training_table(suite([records.bench_line()])) is None


def test_shares_of_each_idea():
    row = cells(shares_table(suite([records.bench_line()]).points))
    assert [cell.text for cell in list(row.values())[6:]] == ["20.00", "1.04×", "0.95×", "2.10×", "2.00×", "4.00×"]
    no_readout = records.bench_line({name: 10.0 for name in ("serial", "loop", "stacked", "prepared")}, pool="mean")
    assert cells(shares_table(suite([no_readout]).points))["Read-out alone"].text == "not measured"


def test_peers_stand_in_the_order_of_their_times():
    point = next(point for point in suite(records.cpu()).points if "vmap" in point.contenders)
    table = peers_table(point)
    assert [row[0].text for row in table.rows] == [
        "prepared", "stacked", "vmap", "serial-readout", "serial", "loop", "encoder", "vit-pytorch", "serial-compiled"
    ]  # fmt: skip
    assert table.rows[2][-1].text == "no batching rule"
    assert (table.rows[-1][2].text, table.rows[-1][2].below) == ("not measured", "no C++ compiler")


def test_every_contender_is_explained():
    contenders = pytest.importorskip("para_former.bench.contenders")
    assert MEANING.keys() == contenders.CONTENDERS.keys()


def test_on_a_gpu_the_overview_is_against_the_recorded_serial_network():
    table = overview(suite(records.gpu()))
    assert {(cell.text, cell.below) for row in table.rows for cell in row[4:]} == {("5.00×", "")}
    assert table.caption == "Speed-up: time of serial-graph over ours (prepared), medians; 4 of 4 cells measured."


@pytest.mark.parametrize(("prepared", "below"), [(5.0, ""), (19.8, ""), (20.2, ""), (25.0, "slower")])
def test_a_cell_of_the_overview_is_slower_where_even_the_upper_quartile_is(prepared, below):
    lines = [
        bench_records.bench_line({"serial": 20.0, "prepared": prepared}, depth=m, batch=b)
        for m in (1, 2)
        for b in (1, 4)
    ]
    assert overview(collect_bench({"a": lines})[0]).rows[0][-1].below == below

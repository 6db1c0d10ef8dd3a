"""The floor beside measured times: counted by hand, never above what was measured, and only where rates are known."""

from dataclasses import asdict, replace

import pytest

from para_former.errors import InputError
from para_former.reports.bench import collect_bench
from para_former.reports.bench_plots import latency_against_layers, speedup_against_batch, speedup_against_depth
from para_former.reports.bench_tables import points_table
from para_former.reports.floor import floors
from para_former.reports.tables import ratio
from tests.execution.constants import CPU

from . import bench_records, helpers

FAST = replace(CPU, single_rate=((1, 1e11), (64, 2e11)), batched_rate=((1, 1e10),), attention_rate=((64, 1e9),))
TOKENS, WIDTH, HIDDEN, HEADS = 65, 192, 768, 3


def prediction(constants, **environment):
    return {
        "kind": "prediction",
        "constants": asdict(constants),
        "environment": {**helpers.ENVIRONMENT, **environment},
    }


def floor(line, *constants):
    return floors({"a": [line], "p": [prediction(each) for each in constants]})(line)


def by_hand(layers):
    """Multiplications of one image at depth 1 with a class token (docs/planner.md), patches and head included."""
    branch = 2 * TOKENS * HEADS * WIDTH + 2 * WIDTH**2 + 2 * WIDTH * HIDDEN
    return TOKENS * 48 * WIDTH + layers * branch + WIDTH * 10


def test_operations_at_the_best_rate():
    line = bench_records.bench_line({"serial": 20.0, "prepared": 5.0}, layers=24)
    constants = replace(FAST, cache_bytes=1e9)
    assert floor(line, constants) == pytest.approx(1e3 * 2 * by_hand(24) / 2e11)
    assert floor(line, replace(constants, single_rate=((1, 1e10),)), constants) == floor(line, constants)


@pytest.mark.parametrize(("cache", "reads"), [(1e9, False), (1e6, True)])
def test_weights_that_a_cache_may_not_hold_are_read_once(cache, reads):
    line = bench_records.bench_line({"serial": 20.0, "prepared": 5.0}, layers=24)
    numbers = 48 * WIDTH + 24 * (HEADS * WIDTH + 2 * WIDTH**2 + 2 * WIDTH * HIDDEN) + WIDTH * 10
    found = floor(
        line, replace(FAST, memory_rate=1e10, cache_bytes=cache), replace(FAST, cache_bytes=1e9, memory_rate=1.0)
    )
    assert (found == pytest.approx(1e3 * 4 * numbers / 1e10)) == reads


def test_no_measured_time_is_below_its_floor():
    """Each of two points is as fast as one of the two rates allows; both rates are theirs, not the calibration's."""
    slow = replace(
        FAST, single_rate=((1, 1.0),), batched_rate=((1, 1.0),), attention_rate=((64, 1.0),), memory_rate=1.0
    )
    lines = [
        bench_records.bench_line({"serial": 20.0, "prepared": ms}, layers=24, batch=batch, **fields)
        for ms, batch, fields in ((1.0, 1, {}), (9.0, 64, {}), (1e-9, 1, {"device": "cuda"}))
    ]
    floor = floors({"a": lines, "p": [prediction(replace(slow, cache_bytes=1.0))]})
    assert [floor(line) for line in lines] == [pytest.approx(1.0), pytest.approx(9.0), None]


@pytest.mark.parametrize("fields", [{"device": "cuda"}, {"mode": "training"}, {"dtype": "bfloat16"}])
def test_elsewhere_there_is_none(fields):
    line = bench_records.bench_line({"serial": 20.0, "stacked": 9.0, "prepared": 5.0}, **fields)
    assert floor(line, FAST) is None
    other = prediction(FAST, hardware={"cpu": "Another"})
    line = bench_records.bench_line()
    assert floors({"a": [line], "p": [other]})(line) is None


def test_constants_of_another_form_are_refused():
    line = prediction(FAST)
    del line["constants"]["memory_rate"]
    with pytest.raises(InputError, match="p: constants: expected the fields .*memory_rate"):
        floors({"p": [line]})


@pytest.mark.parametrize("known", [True, False])
def test_tables_and_plots_show_it_where_it_is_known(known):
    records = {"a": bench_records.cpu(), "p": [prediction(FAST)] * known}
    (suite,) = collect_bench(records)
    table = points_table(suite)
    assert ("Floor, ms" in table.columns) == ("Floor: " in table.caption) == known
    drawn = {
        latency_against_layers: suite.series("layers", depth=1),
        speedup_against_batch: suite.series("batch", depth=1),
        speedup_against_depth: suite.series("depth", batch=1),
    }
    for draw, series in drawn.items():
        assert (">floor<" in draw(series)) == known
    if known:
        first = suite.inference[0]
        cell = table.rows[0][table.columns.index("Floor, ms")]
        assert cell.below == ratio(first.time("prepared")["median"] / first.floor)

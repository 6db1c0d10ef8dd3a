"""The floor beside measured times: what is counted is what the planner counts, and no time is below it."""

import json
from dataclasses import asdict, replace
from math import inf
from statistics import median

import pytest

from para_former.bench.points import Point
from para_former.errors import InputError
from para_former.execution.steps import weights
from para_former.execution.work import work as steps_of
from para_former.reports import floor
from para_former.reports.bench import collect_bench
from para_former.reports.bench_findings import sentences
from para_former.reports.bench_plots import latency_against_layers, speedup_against_batch, speedup_against_depth
from para_former.reports.bench_tables import points_table
from para_former.reports.floor import floors
from para_former.reports.tables import ratio, span
from tests.execution.constants import CPU

from . import bench_records, helpers

FAST = replace(CPU, single_rate=((1, 1e11), (64, 2e11)), batched_rate=((1, 1e10),), attention_rate=((64, 1e9),))
TIMES = {"serial": 20.0, "prepared": 5.0}


def prediction(constants, **environment):
    constants = json.loads(json.dumps(asdict(constants)))
    return {"kind": "prediction", "constants": constants, "environment": {**helpers.ENVIRONMENT, **environment}}


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize(("depth", "layers"), [(1, 1), (1, 6), (2, 6), (6, 6)])
def test_weights_and_operations_are_those_that_the_planner_counts(depth, layers, pool):
    line = bench_records.bench_line(TIMES, depth=depth, layers=layers, pool=pool, batch=3, patch_size=8)
    names = ("depth", "layers", "width", "heads", "image_size", "patch_size", "pool")
    config = Point(batch=3, **{name: line[name] for name in names if name != "heads"}).config
    steps = steps_of(config, 3, "prepared", CPU)
    numbers, multiplications = floor.work(line)
    assert line["heads"] == config.heads and numbers == weights(steps)
    assert 2 * multiplications == sum(step.times * step.operations for step in steps)


def test_operations_at_the_best_rate():
    line = bench_records.bench_line(TIMES)
    records = [
        prediction(replace(FAST, single_rate=((1, 1e10),), cache_bytes=1e9)),
        prediction(replace(FAST, cache_bytes=1e9)),
    ]
    assert floors({"p": records})(line) == pytest.approx(1e3 * 2 * floor.work(line)[1] / 2e11)


@pytest.mark.parametrize(("cache", "reads"), [(1e9, False), (1e6, True)])
def test_weights_that_a_cache_may_not_hold_are_read_once(cache, reads):
    line = bench_records.bench_line(TIMES)
    fast, slow = replace(FAST, memory_rate=1e10, cache_bytes=cache), replace(FAST, memory_rate=1.0, cache_bytes=1e9)
    found = floors({"p": [prediction(fast), prediction(slow)]})(line)
    assert (found == pytest.approx(1e3 * 4 * floor.work(line)[0] / 1e10)) == reads


def test_no_measured_time_is_below_its_floor():
    """Each of two points is as fast as one of the two rates allows; both rates are theirs, not the calibration's."""
    slow = dict.fromkeys(floor.CURVES, ((1, 1.0),)) | {"memory_rate": 1.0, "cache_bytes": 1.0}
    lines = [
        bench_records.bench_line({"serial": 20.0, "prepared": ms}, batch=batch, device=device)
        for ms, batch, device in ((1.0, 1, "cpu"), (9.0, 64, "cpu"), (1e-9, 1, "cuda"))
    ]
    found = floors({"a": lines, "p": [prediction(replace(CPU, **slow))]})
    assert [found(line) for line in lines] == [pytest.approx(1.0), pytest.approx(9.0), None]


@pytest.mark.parametrize("fields", [{"device": "cuda"}, {"mode": "training"}, {"dtype": "bfloat16"}])
def test_elsewhere_there_is_none(fields):
    line = bench_records.bench_line({"serial": 20.0, "stacked": 9.0, "prepared": 5.0}, **fields)
    assert floors({"a": [line], "p": [prediction(FAST)]})(line) is None
    line, other = bench_records.bench_line(), prediction(FAST, hardware={"cpu": "Another"})
    assert floors({"a": [line], "p": [other]})(line) is None


@pytest.mark.parametrize(
    ("name", "value"), [("memory_rate", "fast"), ("dtype", "int8"), ("single_rate", []), ("cache_bytes", inf)]
)
def test_constants_of_another_form_are_refused(name, value):
    line = prediction(FAST)
    line["constants"][name] = value
    with pytest.raises(InputError, match=rf"p: line 1: expected 'constants\.{name}"):
        floors({"p": [line]})


@pytest.mark.parametrize("known", [True, False])
def test_sentences_tables_and_plots_show_it_where_it_is_known(known):
    (suite,) = collect_bench({"a": bench_records.cpu(), "p": [prediction(FAST)] * known})
    table = points_table(suite)
    (said,) = [text for text in sentences(suite) if "floor" in text] or [""]
    assert ("Where ours takes a millisecond or more, it takes " in said) == known
    assert ("Floor, ms" in table.columns) == ("Floor: " in table.caption) == known
    drawn = {
        latency_against_layers: suite.series("layers", depth=1),
        speedup_against_batch: suite.series("batch", depth=1),
        speedup_against_depth: suite.series("depth", batch=1),
    }
    for draw, series in drawn.items():
        assert (">floor<" in draw(series)) == known
    if known:
        times = [(point.time("prepared")["median"], point.floor) for point in suite.inference]
        above = [taken / least for taken, least in times if taken >= 1]
        assert len(above) < len(times)
        assert f"{span(above, ratio)} its floor, {ratio(median(above))} in the median of {len(above)} points" in said
        first = suite.inference[0]
        cell = table.rows[0][table.columns.index("Floor, ms")]
        assert cell.below == ratio(first.time("prepared")["median"] / first.floor)

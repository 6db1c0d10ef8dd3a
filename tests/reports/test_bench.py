"""`bench` records become suites: kept apart by machine, ordered, refused by name where a field is missing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.errors import InputError
from para_former.reports.bench import collect_bench

from . import bench_records as records
from . import helpers


def suites(lines):
    return collect_bench({"a.jsonl": lines})


def test_suites_devices_threads_and_versions_are_kept_apart():
    newer = {**helpers.ENVIRONMENT, "versions": {"torch": "3.0"}}
    lines = [
        *records.gpu(),
        records.bench_line(suite="grid"),
        records.bench_line(suite="quick"),
        records.bench_line(threads=1),
        records.bench_line(),
        records.bench_line(environment=newer),
    ]
    found = [(suite.device, suite.name, len(suite.points)) for suite in suites(lines)]
    cpu = [("cpu", "quick", 1), ("cpu", "cpu", 1), ("cpu", "cpu", 1), ("cpu", "cpu", 1), ("cpu", "grid", 1)]
    assert found == [*cpu, ("cuda", "gpu", 4)]


def test_of_a_point_measured_twice_the_later_counts():
    later = {**helpers.ENVIRONMENT, "time": "2027-01-01T00:00:00+00:00"}
    new, old = records.bench_line({"serial": 9.0, "prepared": 3.0}, environment=later), records.bench_line()
    for lines in ([new, old], [old, new]):
        ((point,),) = [suite.points for suite in suites(lines)]
        assert point.time("serial")["median"] == 9.0


LINES = records.cpu()
SUITES = suites(LINES)


@settings(max_examples=20)
@given(st.permutations(range(10)))
def test_the_order_of_the_lines_does_not_matter(order):
    assert suites([LINES[index] for index in order]) == SUITES


def test_series_vary_one_thing():
    (suite,) = suites(records.cpu())
    assert [point.network for point in suite.series("layers", depth=1, batch=1)] == ["1-1", "1-6", "1-24"]
    assert [point.line["batch"] for point in suite.series("batch", depth=1)] == [1, 4, 16]
    assert [point.network for point in suite.series("depth", batch=1)] == ["1-24", "2-24", "6-24"]
    assert suite.series("depth", batch=7) == ()


def test_a_network_or_an_input_seen_once_is_not_in_the_overview():
    (suite,) = suites(records.cpu())
    assert [[(point.network, point.line["batch"]) for point in row] for row in suite.crossed] == [
        [("1-24", 1), ("1-24", 16)], [("2-24", 1), ("2-24", 16)]
    ]  # fmt: skip


def test_against_other_peers_the_quartiles_are_the_widest():
    ((point,),) = [suite.points for suite in suites([records.bench_line(spread=0.1)])]
    assert point.fastest_peer == "serial-readout"
    assert point.versus("serial")["median"] == 4.0
    assert point.versus("loop") == {
        "q1": pytest.approx(4.2 * 0.9 / 1.1),
        "median": pytest.approx(4.2),
        "q3": pytest.approx(4.2 * 1.1 / 0.9),
    }
    assert point.versus("vmap") is None


def test_bad_lines_are_named():
    line = records.bench_line()
    del line["contenders"]
    with pytest.raises(InputError, match=r"a\.jsonl: line 1: expected 'contenders' in every bench line"):
        suites([line])


def test_lines_of_other_kinds_are_not_read():
    assert suites([{"kind": "run"}, {}, *helpers.training()]) == []

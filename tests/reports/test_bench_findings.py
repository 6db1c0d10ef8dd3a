"""Sentences about `bench` records: true of the figures they were computed from, and honest where ours is slower."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.reports import bench_findings as findings
from para_former.reports.bench import collect_bench, serial_peer
from tests.reports import bench_records as records


def suite(*lines):
    (found,) = collect_bench({"a.jsonl": list(lines)})
    return found


def two(prepared, spread=0.02, **fields):
    return records.bench_line({"serial": 10.0, "prepared": prepared}, spread=spread, **fields)


@given(st.floats(0.1, 1000), st.floats(0.001, 0.3))
def test_faster_slower_and_level(prepared, spread):
    text = findings.sentences(suite(two(prepared, spread)))[0]
    low, high = 10 / prepared * (1 - spread), 10 / prepared * (1 + spread)
    assert ("faster" in text, "slower" in text, "level" in text) == (low > 1, high < 1, low <= 1 <= high)


def test_slower_points_are_named_and_the_least_ratio_is_given():
    lines = [two(2.0), two(12.5, batch=16), two(10.0, depth=2)]
    assert findings.sentences(suite(*lines))[0] == (
        "Against serial, ours is faster at 1 of 3 points (5.00×), slower at 1 of 3 points (Para-F-1-24, width 192, "
        "class token, batch 16, 65 tokens), level at 1 of 3 points; the least ratio is 0.80× (0.78× to 0.82×), at "
        "Para-F-1-24, width 192, class token, batch 16, 65 tokens."
    )


def test_of_many_slower_points_three_are_named():
    text = findings.sentences(suite(*(two(20.0, batch=2**power) for power in range(5))))[0]
    assert "ours is slower at 5 of 5 points (" in text and text.count("Para-F") == 4 and "and 2 more)" in text


def test_the_grid_is_against_the_loop():
    lines = [
        records.bench_line({"loop": 10.0, "prepared": ms}, suite="grid", depth=m) for m, ms in ((1, 5.0), (2, 11.0))
    ]
    text = findings.sentences(suite(*lines))[0]
    assert text.startswith(
        "Against loop, ours is faster at 1 of 2 points (2.00×), slower at 1 of 2 points (Para-F-2-24,"
    )
    assert "the least ratio is 0.91×" in text


def test_training_errors_and_reasons():
    texts = " ".join(findings.sentences(suite(*records.cpu())))
    assert (
        "A training step of Para-F-1-24, width 192, class token, batch 128, 65 tokens, is faster than serial" in texts
    )
    assert "(40.0×), with 5.0 % of the peak memory of serial." in texts
    assert "The largest relative error of ours is 1.0e-06" in texts
    assert "Not measured at 1 point: serial-compiled: no C++ compiler." in texts


def test_growth_with_layers():
    lines = [records.bench_line({"serial": n * 1.0, "prepared": n * 0.5 + 0.5}, layers=n) for n in (1, 3, 24)]
    assert findings.growth_with_layers(suite(*lines).series("layers")) == (
        "From 1 to 24 layers, width 192, class token, batch 1, 65 tokens, serial takes 24.0 times as long (1.00 to "
        "24.00 ms) and prepared takes 12.5 times as long (1.00 to 12.50 ms); the paper expects no growth at depth 1. "
        "With 24 layers ours is faster than serial (1.92×)."
    )


def test_least_and_most_gain_with_the_batch():
    lines = [two(ms, batch=batch) for batch, ms in ((1, 5.0), (4, 20.0), (16, 1.0))]
    assert findings.gain_with_batch(suite(*lines).series("batch")) == (
        "Para-F-1-24 is slower than serial (0.50×) at batch 4, where it gains least, and faster than serial (10.0×) at "
        "batch 16, where it gains most."
    )


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [((12, 6), "below it everywhere"), ((48, 6), "below it at 1 of 2"), ((48, 13), "nowhere below it")],
)
def test_depth_beside_the_paper(gains, verdict):
    lines = [two(10.0 / gain, depth=depth) for depth, gain in zip((1, 2), gains, strict=True)]
    text = findings.gain_with_depth(suite(*lines).series("depth"))
    assert f"{gains[0]:.1f}× of 24.0× at m = 1" in text and "of 12.0× at m = 2" in text
    assert text.endswith(f": {verdict}.")


def test_depth_without_a_serial_network_is_no_finding():
    lines = [records.bench_line({"prepared": 5.0}, missing={"serial": "no memory"}, depth=m) for m in (1, 2)]
    found = findings.gain_with_depth(suite(*lines).series("depth", batch=1))
    assert found.endswith("no point was measured beside a serial network.")


def test_on_a_gpu_depth_is_told_over_the_recorded_serial_network():
    text = findings.gain_with_depth(suite(*(line for line in records.gpu() if line["batch"] == 1)).series("depth"))
    assert (
        "measured are over serial-graph 5.00× of 24.0× at m = 1, 5.00× of 12.0× at m = 2: below it everywhere" in text
    )


def test_on_a_gpu_the_batch_too():
    """An eager network waits for its launches at one image: against it the gain would fall with the batch."""
    times = (
        {"serial": 10.0, "serial-graph": 2.0, "prepared": 1.0},
        {"serial": 10.0, "serial-graph": 9.0, "prepared": 3.0},
    )
    lines = [records.bench_line(ms, batch=batch) for ms, batch in zip(times, (1, 256), strict=True)]
    text = findings.gain_with_batch(suite(*lines).series("batch"))
    assert "faster than serial-graph (2.00×) at batch 1, where it gains least" in text
    assert "faster than serial-graph (3.00×) at batch 256, where it gains most" in text


def test_the_steps_multiply_to_the_whole():
    point = suite(records.bench_line()).points[0]
    alone, loop, fusion, preparing, whole = findings.shares(point)
    assert alone == pytest.approx(1 / 0.96)
    assert loop * fusion * preparing == pytest.approx(whole) == 4.0
    first, last = "the loop of branches brings 0.95×, fusion and read-out 2.10× over that,", "4.00× in all"
    assert f"{first} preparing 2.00× over that, {last}" in findings.what_contributes([point])


def test_a_series_is_told_against_the_recorded_serial_network_where_every_point_has_it():
    times = {"serial": 10.0, "prepared": 1.0}
    lines = [records.bench_line({**times, "serial-graph": 2.0}), records.bench_line(times, batch=4)]
    points = collect_bench({"a": lines})[0].series("batch")
    assert (serial_peer(points), serial_peer(points[:1])) == ("serial", "serial-graph")

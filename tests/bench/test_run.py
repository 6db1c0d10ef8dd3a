"""A point becomes one record, is measured once, and loses a contender that fails but not the others."""

import json
from dataclasses import replace

import pytest
import torch

from para_former.bench import run
from para_former.bench.contenders import CONTENDERS, Contender
from para_former.bench.memory import RESET
from para_former.bench.points import Point
from para_former.bench.run import measure, run_suite
from para_former.errors import InputError
from para_former.records import append_record, read_records

CPU = torch.device("cpu")
TINY = {"layers": 4, "width": 64, "image_size": 8, "contenders": ("serial", "stacked")}


def fail(task):
    raise RuntimeError("no such luck\nand more of it")


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setitem(CONTENDERS, "broken", Contender(fail, "branches"))


def test_a_record_states_the_point_the_times_and_their_conditions():
    point = Point(depth=2, batch=3, **TINY)
    record = measure(point, suite="mine", device=CPU, seconds=0.0)
    assert json.loads(json.dumps(record)) == record
    expected = {"kind": "bench", "suite": "mine", "mode": "inference", "depth": 2, "layers": 4, "width": 64}
    expected |= {"heads": 1, "tokens": 5, "image_size": 8, "patch_size": 4, "pool": "cls", "batch": 3}
    expected |= {"dtype": "float32", "device": "cpu", "threads": torch.get_num_threads(), "rounds": 3}
    expected |= {"baseline": "serial", "not_measured": {}}
    assert record.items() >= expected.items()
    assert [each["name"] for each in record["contenders"]] == ["serial", "stacked"]
    for each in record["contenders"]:
        assert each.keys() == {"name", "ms", "ratio", "relative_error", "peak_bytes", "note"}
        for summary in (each["ms"], each["ratio"]):
            assert 0 < summary["q1"] <= summary["median"] <= summary["q3"]
        assert 0 <= each["relative_error"] < 1e-5 and each["peak_bytes"] is each["note"] is None
    assert set(record["contenders"][0]["ratio"].values()) == {1.0}
    assert record["environment"].keys() == {"hardware", "versions", "commit", "time", "clocks"}
    assert "vit-pytorch" in record["environment"]["versions"]


def test_a_measured_point_is_not_measured_again(tmp_path, monkeypatch):
    path = tmp_path / "deep/bench.jsonl"
    points = [Point(batch=batch, **TINY) for batch in (1, 2)]
    first = run_suite("mine", points, path, device=CPU, seconds=0.0)
    kept = next(first)
    assert read_records(path) == [kept]  # at once, before the next point
    with open(path, "ab") as file:
        file.write(b'{"kind": "ben')  # a kill in the middle of a line

    measured = []
    monkeypatch.setattr(run, "measure", lambda point, **_: measured.append(point) or measure(point, **_))
    assert next(iter(run_suite("mine", points, path, device=CPU, seconds=0.0))) == kept
    records = list(run_suite("mine", points, path, device=CPU, seconds=0.0))
    assert measured == points[1:] and read_records(path) == records and records[0] == kept


OTHER_MACHINE = {"environment": {"hardware": {"cpu": "abacus", "cores": 10, "machine": "wood"}}}


@pytest.mark.parametrize(
    "change", [{"threads": 99}, {"device": "cuda"}, {"depth": 2}, {"dtype": "bfloat16"}, OTHER_MACHINE]
)
def test_a_record_of_other_conditions_does_not_count(tmp_path, change):
    path, (point,) = tmp_path / "bench.jsonl", [Point(**TINY)]
    append_record(path, measure(point, suite="mine", device=CPU, seconds=0.0) | change)
    list(run_suite("mine", [point], path, device=CPU, seconds=0.0))
    assert len(read_records(path)) == 2


def test_a_point_that_lacks_a_contender_is_measured_again(tmp_path):
    path, point = tmp_path / "bench.jsonl", Point(**TINY)
    for each in (replace(point, contenders=("serial",)), point, point):
        list(run_suite("mine", [each], path, device=CPU, seconds=0.0))
    assert [len(record["contenders"]) for record in read_records(path)] == [1, 2]


@pytest.mark.parametrize("name", ["baseline", "contenders", "not_measured", "environment"])
def test_a_record_that_is_not_whole_is_refused_by_file_and_field(tmp_path, name):
    path, point = tmp_path / "bench.jsonl", Point(**TINY)
    whole = point.setting | {"kind": "bench", "baseline": "serial", "contenders": [], "not_measured": {}}
    append_record(path, {key: value for key, value in (whole | OTHER_MACHINE).items() if key != name})
    with pytest.raises(InputError, match=rf"bench\.jsonl: expected '{name}' in every bench line"):
        next(run_suite("mine", [point], path, device=CPU))


def test_a_contender_that_fails_is_recorded_with_its_reason(broken):
    record = measure(
        Point(**TINY | {"contenders": ("serial", "broken", "stacked")}), suite="x", device=CPU, seconds=0.0
    )
    assert record["not_measured"] == {"broken": "RuntimeError: no such luck"}
    assert [each["name"] for each in record["contenders"]] == ["serial", "stacked"]


def test_without_its_baseline_a_point_has_times_and_no_ratios(monkeypatch):
    monkeypatch.setitem(CONTENDERS, "serial", Contender(fail, "serial"))
    record = measure(Point(**TINY), suite="x", device=CPU, seconds=0.0)
    (stacked,) = record["contenders"]
    assert stacked["ratio"] is None and stacked["ms"]["median"] > 0 and "serial" in record["not_measured"]


def test_a_point_at_which_everything_fails_is_still_a_record(broken):
    record = measure(Point(**TINY | {"contenders": ("broken",)}), suite="x", device=CPU, seconds=0.0)
    assert (record["rounds"], record["contenders"], list(record["not_measured"])) == (0, [], ["broken"])


def test_a_training_step_has_its_peak_memory():
    """The bytes of the weights' gradients are a lower bound; a hundred times as much is none of this step."""
    point = Point(mode="training", batch=16, **TINY | {"contenders": ("stacked",)})
    (stacked,) = measure(point, suite="x", device=CPU, seconds=0.0)["contenders"]
    gradients = 4 * 4 * 12 * 64 * 64  # four bytes, four modules, 12 D^2 weights each
    if RESET.exists():
        assert gradients / 2 < stacked["peak_bytes"] < 100 * gradients
    else:
        assert stacked["peak_bytes"] is None
    assert stacked["relative_error"] < 1e-4

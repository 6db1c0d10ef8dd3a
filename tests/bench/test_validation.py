"""Predictions beside measured times: the right points are compared, and the ratio says which way they are off."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from para_former.bench import validation
from para_former.bench.points import Point
from para_former.bench.validation import CONFIG_FIELDS, PREDICTED, points, predicted_beside_measured, validate
from para_former.execution.device import DeviceConstants
from para_former.execution.planner import predict
from para_former.models import ModelConfig
from para_former.records import read_records, write_records
from tests.execution.constants import CPU

RESULTS = Path(__file__).parents[2] / "results"
CONFIG = ModelConfig(depth=2, layers=24, image_size=(32, 64))


def record(**changes):
    names = ("depth", "layers", "width", "heads", "tokens", "image_size", "patch_size", "pool")
    contenders = [
        {"name": "prepared", "ms": {"q1": 9.0, "median": 10.0, "q3": 12.0}},
        {"name": "loop", "ms": {"q1": 11.0, "median": 12.0, "q3": 13.0}},
        {"name": "serial", "ms": {"q1": 19.0, "median": 20.0, "q3": 21.0}},
    ]
    sizes = {name: getattr(CONFIG, name) for name in names}
    fields = {
        "kind": "bench",
        **sizes,
        "batch": 4,
        "dtype": "float32",
        "device": "cpu",
        "mode": "inference",
        "contenders": contenders,
    }
    return json.loads(json.dumps({**fields, **changes}))


def test_prepared_and_serial_are_compared():
    prepared, serial = predicted_beside_measured([record()], CPU)
    assert (prepared["contender"], serial["contender"]) == ("prepared", "serial")
    assert prepared["predicted_ms"] == predict(CONFIG, CPU, 4).ms
    assert serial["predicted_ms"] == predict(CONFIG, CPU, 4, "serial").ms
    assert prepared["ratio"] == prepared["predicted_ms"] / 10
    assert prepared["tokens"] == CONFIG.tokens and serial["measured_ms"] == 20


def test_on_a_gpu_a_serial_network_is_predicted_as_a_graph():
    """The committed times of one GPU are those that its bench records give: both were written in one run."""
    rows = read_records(RESULTS / "planner" / "predictions-h200.jsonl")
    constants = DeviceConstants.from_dict(rows[0]["constants"])
    found = predicted_beside_measured(read_records(RESULTS / "bench" / "bench-gpu.jsonl"), constants)
    measured = {(row["contender"], row["measured_ms"]) for row in found}
    assert {row["contender"] for row in rows} == {"serial-graph", "prepared"}
    assert {(row["contender"], row["measured_ms"]) for row in rows} <= measured


@pytest.mark.parametrize("path", sorted((RESULTS / "planner").glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_committed_predictions_are_todays(path):
    """Of the Xeon and the H200 those of serial networks: ours are of an earlier planner (docs/planner.md)."""
    whole = path.name == "predictions.jsonl"
    rows = [row for row in read_records(path) if whole or row["contender"].startswith("serial")]
    for row in rows:
        constants = DeviceConstants.from_dict(row["constants"])
        config = ModelConfig(**{name: row[name] for name in CONFIG_FIELDS})
        found = predict(config, constants, row["batch"], PREDICTED[constants.kind][row["contender"]])
        assert (found.ms, found.limit) == (pytest.approx(row["predicted_ms"]), row["limit"])
    assert rows


def test_other_devices_formats_and_kinds_of_record_are_left_out():
    others = [record(device="cuda"), record(mode="training"), record(dtype="bfloat16"), {"kind": "run"}]
    assert predicted_beside_measured(others, CPU) == []


def test_every_point_is_measured_once_with_constants_of_its_own(monkeypatch, tmp_path):
    asked = []

    def measure_device(device, threads, dtype):
        asked.append((device.type, dtype))
        return CPU

    measure_device.cache_clear = lambda: asked.append("anew")
    monkeypatch.setattr(validation, "measure_device", measure_device)
    small = [Point(layers=layers, width=64, image_size=8) for layers in (1, 2)]
    path, device = tmp_path / "predictions.jsonl", torch.device("cpu")
    first = list(validate(small[:1], path, device, seconds=0.0))
    both = [*first, *validate(small, path, device, seconds=0.0)]
    assert [(row["layers"], row["contender"]) for row in both] == [
        (layers, contender) for layers in (1, 2) for contender in ("serial", "prepared")
    ]
    assert list(validate(small, path, device, seconds=0.0)) == []
    assert asked == 2 * ["anew", ("cpu", torch.float32)]
    records = read_records(path)
    assert [{name: record[name] for name in row} for record, row in zip(records, both, strict=True)] == both
    assert all(record["kind"] == "prediction" and record["constants"]["memory_rate"] for record in records)
    write_records(path, [{**row, "environment": {"hardware": {"cpu": "another"}}} for row in records])
    assert [row["layers"] for row in validate(small, path, device, seconds=0.0)] == [1, 1, 2, 2]
    larger = [replace(point, batch=2) for point in small]
    assert [row["batch"] for row in validate(larger, path, device, seconds=0.0)] == [2] * 4


def test_points_cover_every_network_width_batch_and_read_out():
    found = points()
    for name, count in (("width", 3), ("batch", 4), ("pool", 2), ("image_size", 2)):
        assert len({getattr(point, name) for point in found}) == count
    assert {(point.depth, point.layers) for point in found} == set(validation.NETWORKS)

"""Predictions beside measured times: the right points are compared, and the ratio says which way they are off."""

import json

from para_former.bench.validation import predicted_beside_measured
from para_former.execution.planner import predict
from para_former.models import ModelConfig
from tests.execution.constants import CPU

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


def test_other_devices_formats_and_kinds_of_record_are_left_out():
    others = [record(device="cuda"), record(mode="training"), record(dtype="bfloat16"), {"kind": "run"}]
    assert predicted_beside_measured(others, CPU) == []

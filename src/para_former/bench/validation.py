"""The planner's predictions beside measured times: how far a reader may trust `para-former plan`."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch

from para_former.bench.conditions import conditions
from para_former.bench.points import Point, flops
from para_former.bench.run import measure
from para_former.bench.suites import TOKENS
from para_former.execution.calibration import measure_device
from para_former.execution.device import DeviceConstants
from para_former.execution.planner import predict
from para_former.execution.work import Way
from para_former.models import ModelConfig
from para_former.records import Record, append_record, read_records

NETWORKS = ((1, 1), (1, 6), (1, 24), (2, 24), (3, 24), (6, 24), (6, 6))
PREDICTED: dict[str, dict[str, Way]] = {
    "cpu": {"serial": "serial", "prepared": "prepared"},
    "cuda": {"serial-graph": "serial", "prepared": "prepared"},
}
"""by kind of device: the contenders that the planner predicts, each with what it is to the planner"""
MOST_OPERATIONS = 6e10  # of a forward pass that computes every token: a third of a second on two cores
CONFIG_FIELDS = ("depth", "layers", "width", "heads", "image_size", "patch_size", "pool")


def points() -> list[Point]:
    """Networks, widths, batches, tokens and read-outs of the comparison, without those that take long."""
    every = [
        Point(depth=depth, layers=layers, width=width, batch=batch, **TOKENS[tokens], pool=pool)
        for width in (192, 384, 768)
        for tokens in TOKENS
        for batch in (1, 4, 16, 64)
        for pool in ("cls", "mean")
        for depth, layers in NETWORKS
    ]
    return [point for point in every if point.batch * flops(point.config) <= MOST_OPERATIONS]


def validate(points: Iterable[Point], path: Path, device: torch.device, seconds: float = 0.5) -> Iterator[Record]:
    """A `prediction` record for each contender of each point, added to the file at `path`.

    Points that this machine has measured are skipped.

    The device's constants are measured anew right before each point: what else a machine does changes by the minute.
    """
    known = [_key(line, line["constants"], line["environment"]) for line in read_records(path)] if path.exists() else []
    here = conditions(device)
    for point in points:
        if _key(point.setting, {"kind": device.type, "dtype": point.dtype}, here) in known:
            continue
        measure_device.cache_clear()
        constants = measure_device(device, torch.get_num_threads(), point.torch_dtype)
        point = replace(point, contenders=tuple(PREDICTED[device.type]))
        record = measure(point, suite="validation", device=device, seconds=seconds)
        for row in predicted_beside_measured([record], constants):
            both = {"constants": asdict(constants), "environment": record["environment"]}
            append_record(path, {"kind": "prediction", **row, **both})
            yield row


def predicted_beside_measured(records: Iterable[Record], constants: DeviceConstants) -> list[Record]:
    """One row for each `bench` record and each contender that the planner predicts (`PREDICTED`).

    `ratio` is predicted / measured median. Records of another kind of device or another number format, and those of
    training, are left out.
    """
    rows = []
    for record in records:
        if record["kind"] != "bench" or record["mode"] != "inference":
            continue
        if (record["device"], record["dtype"]) != (constants.kind, constants.dtype):
            continue
        sizes = {name: record[name] for name in CONFIG_FIELDS}
        config = ModelConfig(**sizes)
        for contender in record["contenders"]:
            if contender["name"] not in PREDICTED[constants.kind]:
                continue
            way = PREDICTED[constants.kind][contender["name"]]
            prediction = predict(config, constants, record["batch"], way)
            measured = contender["ms"]["median"]
            rows.append(
                {
                    **sizes,
                    "tokens": config.tokens,
                    "batch": record["batch"],
                    "contender": contender["name"],
                    "measured_ms": measured,
                    "predicted_ms": prediction.ms,
                    "ratio": prediction.ms / measured,
                    "limit": prediction.limit,
                }
            )
    return rows


def _key(setting: Record, device: Record, environment: Record) -> tuple[object, ...]:
    sizes = (setting[name] for name in (*CONFIG_FIELDS, "batch"))
    return *sizes, device["kind"], device["dtype"], environment["hardware"]

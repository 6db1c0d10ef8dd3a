"""From points to records: each is measured once and written at once, so that a suite can be stopped at any moment."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from para_former.bench.compare import Comparison, compare
from para_former.bench.conditions import conditions
from para_former.bench.memory import peak_of_step
from para_former.bench.points import Point
from para_former.bench.tasks import Inference, Training
from para_former.bench.timing import ratio, summarize
from para_former.errors import InputError
from para_former.records import Record, append_record, read_records

SECONDS = 3.0  # of timing for one point
SHOWN = ("baseline", "contenders", "not_measured", "environment")  # of a record, beside its setting


def run_suite(
    suite: str, points: Iterable[Point], path: Path, *, device: torch.device, seconds: float = SECONDS
) -> Iterator[Record]:
    """The record of every point in turn: as it stands in the file at `path` with all contenders, or measured and added.

    Errors: InputError for a file whose records are not whole.
    """
    measured = [record for record in read_records(path) if record.get("kind") == "bench"] if path.exists() else []
    for missing in (name for record in measured for name in SHOWN if name not in record):
        raise InputError(f"{path}: expected {missing!r} in every bench line, found one without it")
    known = {_key(record): record for record in measured}
    here = _place(device) | {"environment": conditions(device)}
    for point in points:
        record = known.get(_key(point.setting | here))
        if record is None or not set(point.contenders) <= _tried(record):
            record = measure(point, suite=suite, device=device, seconds=seconds)
            append_record(path, record)
        yield record


def measure(point: Point, *, suite: str, device: torch.device, seconds: float = SECONDS) -> Record:
    """One `bench` record: every contender's time, its ratio to the baseline round by round, error and peak memory."""
    task_class = Inference if point.mode == "inference" else Training
    task = task_class(point.config, batch=point.batch, dtype=point.torch_dtype, device=device)
    result = compare(task, point.contenders, seconds=seconds)
    return {
        "kind": "bench",
        "suite": suite,
        **point.setting,
        **_place(device),
        "rounds": len(next(iter(result.times.values()), [])),
        "baseline": point.baseline,
        "contenders": [_contender(name, result, point, device) for name in result.times],
        "not_measured": result.not_measured,
        "environment": conditions(device),
    }


def _contender(name: str, result: Comparison, point: Point, device: torch.device) -> Record:
    baseline = result.times.get(point.baseline)
    return {
        "name": name,
        "ms": summarize(result.times[name]),
        "ratio": ratio(baseline, result.times[name]) if baseline else None,
        "relative_error": result.errors[name],
        "peak_bytes": peak_of_step(point, name, device) if point.mode == "training" else None,
        "note": result.notes[name],
    }


def _place(device: torch.device) -> Record:
    return {"device": device.type, "threads": torch.get_num_threads()}


def _tried(record: Record) -> set[str]:
    return {*(contender["name"] for contender in record["contenders"]), *record["not_measured"]}


def _key(record: Record) -> str:
    """What a point is measured once for: all of its setting, on one machine's device with so many threads."""
    setting = [record.get(name) for name in (*Point().setting, "device", "threads")]
    return json.dumps([setting, record["environment"].get("hardware")], sort_keys=True)

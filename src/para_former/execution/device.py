"""What a device does per second, in the few numbers that the planner's model of time needs, and their JSON form.

They are measured by `calibration.py`, or read from a file that was written on another machine.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch

from para_former.errors import InputError
from para_former.records import write_atomically

Curve = tuple[tuple[int, float], ...]  # ((size, operations/s at that size), ...), sizes ascending


@dataclass(frozen=True, kw_only=True)
class DeviceConstants:
    """All are for one number format, `dtype`; an operation is a multiplication or an addition."""

    name: str
    """of the processor, as a reader knows it"""
    kind: Literal["cpu", "cuda"]
    """a GPU multiplies while it reads and computes in tiles; a CPU reads, then multiplies"""
    dtype: str
    """float64, float32, bfloat16 or float16"""
    lanes: int
    """CPU threads, or multiprocessors of a GPU"""
    batched_rate: Curve
    """operations/s of several products in one call, their weights in the cache, against the rows of each"""
    single_rate: Curve
    """operations/s of one product a call, likewise"""
    attention_rate: Curve
    """operations/s of attention, softmax included, against tokens"""
    function_rate: float
    """numbers/s through GELU, as a stand-in for softmax and norms"""
    cache_bytes: float
    """of the last cache in front of the memory"""
    cache_rate: float
    """bytes/s read and written by a pass over numbers that are in the cache"""
    memory_rate: float
    """bytes/s at which a product of one row reads weights that are not in the cache"""
    packing_rate: float
    """bytes/s, likewise, that delay a CPU's product of many rows: it first brings the weights into order"""
    launch_cost: float
    """s for one call (CPU), or one kernel of a recorded graph (GPU), beside its work"""

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return getattr(torch, self.dtype).itemsize

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> "DeviceConstants":
        """Errors: InputError where fields are missing or unknown, numbers not above 0 and finite, or sizes unsorted."""
        expected = {field.name for field in fields(cls)}
        if found := expected.symmetric_difference(values):
            raise InputError(f"expected the fields {', '.join(sorted(expected))}; at odds: {', '.join(sorted(found))}")
        for name, choices in (("kind", KINDS), ("dtype", DTYPES)):
            if values[name] not in choices:
                raise InputError(f"{name}: expected {' or '.join(choices)}, found {values[name]!r}")
        values = dict(values)
        try:
            for name in CURVES:
                values[name] = tuple((int(size), float(rate)) for size, rate in values[name])
            values |= {name: float(values[name]) for name in SCALARS}
            values["lanes"] = int(values["lanes"])
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"expected numbers and lists of (size, rate): {error}") from None
        numbers = [values["lanes"], *(values[name] for name in SCALARS)]
        numbers += [number for name in CURVES for point in values[name] for number in point]
        if not all(values[name] for name in CURVES) or not all(0 < number < math.inf for number in numbers):
            raise InputError("expected finite rates, sizes and costs above 0")
        for name in CURVES:
            if any(size >= following for (size, _), (following, _) in pairwise(values[name])):
                raise InputError(f"{name}: expected ascending sizes, found {[size for size, _ in values[name]]}")
        return cls(**values)


KINDS, DTYPES = ("cpu", "cuda"), ("float64", "float32", "bfloat16", "float16")
CURVES = ("batched_rate", "single_rate", "attention_rate")
SCALARS = ("function_rate", "cache_bytes", "cache_rate", "memory_rate", "packing_rate", "launch_cost")


def read_constants(path: Path) -> DeviceConstants:
    """From a file written by `write_constants`. Errors: InputError that names the file."""
    try:
        values = json.loads(Path(path).read_text())
        if not isinstance(values, dict):
            raise InputError(f"expected a JSON object, found a {type(values).__name__}")
        return DeviceConstants.from_dict(values)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no device constants there: {getattr(error, 'strerror', None) or error}") from None


def write_constants(path: Path, constants: DeviceConstants) -> None:
    write_atomically(path, (json.dumps(asdict(constants), indent=1) + "\n").encode())


def seconds_per_operation(curve: Curve, size: int) -> float:
    """1 / rate at `size`: time is interpolated linearly in size between the measured ones, the rate kept beyond them.

    Between sizes a and b, time(size) = size / rate(size) runs on the straight line from a / rate(a) to b / rate(b).
    """
    if size <= curve[0][0]:
        return 1 / curve[0][1]
    for (left, left_rate), (right, right_rate) in pairwise(curve):
        if size <= right:
            share = (size - left) / (right - left)
            return ((1 - share) * left / left_rate + share * right / right_rate) / size
    return 1 / curve[-1][1]

"""How long a network takes, from what it has to do and a device's constants; and which networks fit a given time.

The time of a forward pass is the sum over its steps (`work.py`) of

    arithmetic   operations / rate(rows)  +  numbers under GELU, softmax and norm / function_rate
    bytes        bytes of weights / memory_rate or packing_rate  +  bytes moved by passes / cache_rate
    launches     launch_cost for every call

Where reading and computing overlap, of arithmetic and bytes the longer counts and the other is free: in every step on
a GPU; on a CPU in a pass over activations and in a product of a single row. A CPU's product of more rows takes both;
of many rows (more than 4) it first brings its weights into order, hence packing_rate. A GPU computes whole tiles of
64 x 64 outputs, `lanes` of them at a time. Weights that fill at most half of the cache are still there from the last
call, which is in rate(rows); passes over more than the cache holds go at memory_rate. The constants are measured on
bare products and passes (`calibration.py`), never on a network. How well this predicts: `docs/planner.md`.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from para_former.errors import InputError
from para_former.execution.device import DeviceConstants, seconds_per_operation
from para_former.execution.frozen import FEW_ROWS
from para_former.execution.steps import Step, weights
from para_former.execution.work import Way, work
from para_former.models.config import ModelConfig

Limit = Literal["arithmetic", "bytes", "launches"]
DEPTHS = (1, 2, 3, 4, 6, 8, 12)
MOST_LAYERS = 48
TILE = 64  # rows, and outputs, of what one multiprocessor of a GPU computes at a time


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of one forward pass, and what they go to: `causes` and `parts` both sum to `ms`."""

    causes: dict[Limit, float]
    parts: dict[str, float]

    @property
    def ms(self) -> float:
        return sum(self.causes.values())

    @property
    def limit(self) -> Limit:
        """The largest of the causes."""
        return max(self.causes, key=self.causes.__getitem__)


@dataclass(frozen=True)
class Candidate:
    """A network that fits the budget, and a serial ViT of as many layers for comparison."""

    config: ModelConfig
    prepared: Prediction
    serial: Prediction


def predict(config: ModelConfig, constants: DeviceConstants, batch: int = 1, way: Way = "prepared") -> Prediction:
    """Time of a forward pass of `batch` images by `pf.prepare(model)`, or by a serial ViT of as many layers.

    Errors: InputError for a batch below 1.
    """
    check_question(batch=batch)
    causes: dict[Limit, float] = {"arithmetic": 0.0, "bytes": 0.0, "launches": 0.0}
    parts: dict[str, float] = defaultdict(float)
    steps = work(config, batch, way, constants)
    cached = weights(steps) * constants.itemsize <= constants.cache_bytes / 2
    for step in steps:
        for cause, seconds in _costs(step, constants, cached).items():
            causes[cause] += 1e3 * step.times * seconds
            parts[step.part] += 1e3 * step.times * seconds
    return Prediction(causes, dict(parts))


def check_question(budget_ms: float = 1.0, batch: int = 1) -> None:
    """InputError for a batch below 1, or a budget that is not a number above 0."""
    if batch < 1:
        raise InputError(f"batch: expected at least 1, found {batch}")
    if not 0 < budget_ms < math.inf:
        raise InputError(f"budget_ms: expected a number above 0, found {budget_ms}")


def fit(budget_ms: float, sizes: ModelConfig, constants: DeviceConstants, batch: int = 1) -> list[Candidate]:
    """For each depth the most layers, up to 48, that are predicted to take at most `budget_ms`.

    Width, image, read-out and the rest are those of `sizes`. In the order of more layers first, then of more depth, as
    accuracy grows in the paper (Wang & Li 2024, Tables 2 and 3), but not in every training. Errors: InputError for a
    budget that is not a number above 0.
    """
    check_question(budget_ms, batch)
    candidates = []
    for depth in DEPTHS:
        for layers in reversed(range(depth, MOST_LAYERS + 1, depth)):
            config = replace(sizes, depth=depth, layers=layers)
            prediction = predict(config, constants, batch)
            if prediction.ms <= budget_ms:
                candidates.append(Candidate(config, prediction, predict(config, constants, batch, "serial")))
                break
    return sorted(candidates, key=lambda c: (-c.config.layers, -c.config.depth))


def _costs(step: Step, constants: DeviceConstants, cached: bool) -> dict[Limit, float]:
    """Seconds of one call by cause; `cached`: the weights of the network are found in the cache."""
    size = constants.itemsize
    arithmetic = _product_seconds(step, constants) + step.functions / constants.function_rate
    pass_rate = constants.cache_rate if step.moved * size <= constants.cache_bytes else constants.memory_rate
    unpacked = constants.kind == "cuda" or step.rows <= FEW_ROWS
    weights_rate = constants.memory_rate if unpacked else constants.packing_rate
    moved = step.moved * size / pass_rate + (0.0 if cached else step.weights * size / weights_rate)
    if constants.kind == "cuda" or step.rows == 1:
        arithmetic, moved = (arithmetic, 0.0) if arithmetic > moved else (0.0, moved)
    return {"arithmetic": arithmetic, "bytes": moved, "launches": step.launches * constants.launch_cost}


def _product_seconds(step: Step, constants: DeviceConstants) -> float:
    if step.attention:
        return step.operations * seconds_per_operation(constants.attention_rate, step.rows)
    operations = step.operations
    if constants.kind == "cuda" and step.products:
        tiles = step.products * -(-step.rows // TILE) * -(-step.outputs // TILE)
        operations = 2 * max(tiles, constants.lanes) * TILE**2 * step.inputs
    curve = constants.single_rate if step.products == 1 else constants.batched_rate
    return operations * seconds_per_operation(curve, step.rows)

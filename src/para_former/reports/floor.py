"""The least time in which a CPU could do what a network has to; beside it a measured time says what is left to gain.

    floor = max(bytes of weights / memory rate, operations / arithmetic rate)

Both rates are the best that any record of the same hardware and number format shows, the planner's constants
(`prediction` lines) or a whole network (`bench` lines). Weights count where the smallest cache found there would not
hold them. What calls cost is left out: it is most of the time of the smallest networks. On a GPU the chain of kernels
sets the time (`docs/execution.md`), so there no floor is told.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from para_former.errors import InputError
from para_former.execution.device import DeviceConstants
from para_former.execution.steps import weights
from para_former.execution.work import work
from para_former.models import ModelConfig
from para_former.records import Record
from para_former.reports.fields import read

SIZES = ("depth", "layers", "width", "heads", "image_size", "patch_size", "pool")


@dataclass
class Rates:
    """The best of one CPU in one number format: bytes/s, operations/s; and the smallest cache found, bytes."""

    constants: DeviceConstants
    memory: float = 0.0
    arithmetic: float = 0.0
    cache: float = float("inf")

    def calibrated(self, constants: DeviceConstants) -> None:
        curves = (constants.batched_rate, constants.single_rate, constants.attention_rate)
        self.memory = max(self.memory, constants.memory_rate)
        self.arithmetic = max(self.arithmetic, *(rate for curve in curves for _, rate in curve))
        self.cache = min(self.cache, constants.cache_bytes)

    def reached(self, line: Record, seconds: float) -> None:
        """A whole network took so long, and so no part of what it needs went slower."""
        reading, operations = self.needs(line)
        self.memory, self.arithmetic = max(self.memory, reading / seconds), max(self.arithmetic, operations / seconds)

    def needs(self, line: Record) -> tuple[float, float]:
        """Bytes of weights to read and operations to compute at the point of a `bench` line, by `pf.prepare`."""
        steps = work(ModelConfig(**{name: line[name] for name in SIZES}), line["batch"], "prepared", self.constants)
        reading = float(weights(steps) * self.constants.itemsize)
        return reading if reading > self.cache else 0.0, float(sum(step.times * step.operations for step in steps))

    def floor_ms(self, line: Record) -> float:
        reading, operations = self.needs(line)
        return 1e3 * max(reading / self.memory, operations / self.arithmetic)


def floors(records_by_path: Mapping[str, list[Record]]) -> Callable[[Record], float | None]:
    """A function from a `bench` line to milliseconds; None but for inference on a CPU whose constants are known."""
    found: dict[tuple[str, str], Rates] = {}
    for path, line in read(records_by_path, "prediction"):
        try:
            constants = DeviceConstants.from_dict(line["constants"])
        except InputError as error:
            raise InputError(f"{path}: constants: {error}") from None
        found.setdefault(_place(line, constants.dtype), Rates(constants)).calibrated(constants)

    def rates_of(line: Record) -> Rates | None:
        on_cpu = (line["mode"], line["device"]) == ("inference", "cpu")
        return found.get(_place(line, line["dtype"])) if on_cpu else None

    for _, line in read(records_by_path, "bench"):
        ours = next((each for each in line["contenders"] if each["name"] == "prepared"), None)
        if ours and (rates := rates_of(line)):
            rates.reached(line, ours["ms"]["median"] / 1e3)
    return lambda line: rates.floor_ms(line) if (rates := rates_of(line)) else None


def _place(line: Record, dtype: str) -> tuple[str, str]:
    return json.dumps(line["environment"].get("hardware", {}), sort_keys=True), dtype

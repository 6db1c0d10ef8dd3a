"""The least time in which a CPU could do what a network has to; beside it a measured time says what is left to gain.

    floor = max(bytes of weights / memory rate, operations / arithmetic rate)

Both rates are the best that any record of the same hardware and number format shows, the planner's constants
(`prediction` lines) or a whole network (`bench` lines). Weights count where the smallest cache found there would not
hold them. What calls cost is left out: it is most of the time of the smallest networks. On a GPU the chain of kernels
sets the time (`docs/execution.md`), so there no floor is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from para_former.records import Record
from para_former.reports.experiments import machine
from para_former.reports.fields import CURVES, read

BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
CHANNELS, CLASSES, MLP_RATIO = 3, 10, 4  # of every network of the benchmark


@dataclass
class Rates:
    """The best of one CPU in one number format: bytes/s, operations/s; and the smallest cache found, bytes."""

    memory: float = 1.0  # the least that is taken for a rate
    arithmetic: float = 1.0
    cache: float = float("inf")

    def calibrated(self, constants: Record) -> None:
        self.memory = max(self.memory, constants["memory_rate"])
        self.arithmetic = max(self.arithmetic, *(pair[-1] for name in CURVES for pair in constants[name]))
        self.cache = min(self.cache, constants["cache_bytes"])

    def reached(self, line: Record, seconds: float) -> None:
        """A whole network took so long, and so no part of what it needs went slower."""
        reading, operations = self.needs(line)
        self.memory, self.arithmetic = max(self.memory, reading / seconds), max(self.arithmetic, operations / seconds)

    def needs(self, line: Record) -> tuple[float, float]:
        """Bytes of weights to read, and operations."""
        weights, multiplications = work(line)
        size = float(weights * BYTES[line["dtype"]])
        return size if size > self.cache else 0.0, 2.0 * multiplications

    def floor_ms(self, line: Record) -> float:
        reading, operations = self.needs(line)
        return 1e3 * max(reading / self.memory, operations / self.arithmetic)


def work(line: Record) -> tuple[int, int]:
    """Weights, and multiplications of all images, of `pf.prepare` (the table of `docs/planner.md`)."""
    names = ("depth", "layers", "width", "heads", "tokens", "batch")
    depth, layers, width, heads, tokens, batch = (line[name] for name in names)
    hidden, branches, patch = MLP_RATIO * width, layers // depth, CHANNELS * line["patch_size"] ** 2 * width
    weights = full = 4 * width**2 + 2 * width * hidden
    every_token = tokens * full + 2 * tokens**2 * width
    if line["pool"] == "mean":
        last = every_token - (tokens - 1) * width * hidden
    elif depth > 1:
        last = 2 * tokens * heads * width + full
    else:
        weights = heads * width + full - 2 * width**2
        last = 2 * tokens * heads * width + full - 2 * width**2
    image = tokens * patch + branches * ((depth - 1) * every_token + last) + width * CLASSES
    return patch + branches * ((depth - 1) * full + weights) + width * CLASSES, batch * image


def floors(records_by_path: Mapping[str, list[Record]]) -> Callable[[Record], float | None]:
    """A function from a `bench` line to milliseconds; None but for inference on a CPU whose constants are known."""
    found: dict[tuple[str, str], Rates] = {}
    for _, line in read(records_by_path, "prediction"):
        constants = line["constants"]
        found.setdefault((machine(line), constants["dtype"]), Rates()).calibrated(constants)

    def rates_of(line: Record) -> Rates | None:
        on_cpu = (line["mode"], line["device"]) == ("inference", "cpu")
        return found.get((machine(line), line["dtype"])) if on_cpu else None

    for _, line in read(records_by_path, "bench"):
        ours = next((each for each in line["contenders"] if each["name"] == "prepared"), None)
        if ours and (rates := rates_of(line)):
            rates.reached(line, ours["ms"]["median"] / 1e3)
    return lambda line: rates.floor_ms(line) if (rates := rates_of(line)) else None

"""The constants of a device, measured in about a second on bare products, passes and calls: never on a network.

Times are medians of repeated calls, but for the size of the cache, which the fastest ones tell. What a constant means
is `device.py`. For `prepare`, which cannot wait for so long, two things are measured, by the fastest calls: a CPU's
limits of `blocks.py`, and on which side of a product of few rows the weights are read fastest.
"""

import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from para_former.execution.blocks import BlockLimits, block_limits
from para_former.execution.device import Curve, DeviceConstants
from para_former.execution.frozen import FEW_ROWS, batched, branch_linear, gelu_
from para_former.execution.graphs import record_cuda_graph
from para_former.records import environment

SIZES = {  # of what is timed: a CPU's comes from its last cache, as in a network; a GPU's fills its multiprocessors
    "cpu": {"rows": (1, 4, 16, 64, 256, 1024), "products": 8, "width": 384},
    "cuda": {"rows": (4096,), "products": 8, "width": 2048},  # fewer rows: whole tiles, see the model
}
TOKENS = (64, 256)
ATTENTION_ROWS, ATTENTION_HEADS = 4096, 6
HEAD_WIDTH = 64
ROUNDS = 3
BUDGET = 0.006  # s of repeating one timing
BRIEF = 0.002  # the same, where `prepare` waits for it
PAIRS, PAIRS_BUDGET = 8, 0.25  # of calls at each number of rows; s for all of them
ATTEMPTS = 2  # at a number of rows, before the search ends there: one alone misses the gain once in six times
GAIN = 0.02  # of the time, from which batching counts as faster: a tie does not
REPEATS = 20  # calls in one recorded graph


@cache
def measure_device(device: torch.device, threads: int, dtype: torch.dtype) -> DeviceConstants:
    """Measured once per process; on a CPU with so many threads, those that PyTorch has now.

    Two runs differ by what else the machine does at the time.
    """
    with torch.inference_mode():
        rounds = [_measure(device, dtype) for _ in range(ROUNDS)]
    return DeviceConstants(
        name=torch.cuda.get_device_name(device) if device.type == "cuda" else environment()["hardware"]["cpu"],
        kind=device.type,
        dtype=str(dtype).removeprefix("torch."),
        lanes=_lanes(device),
        **{name: _middle([round_[name] for round_ in rounds]) for name in rounds[0]},
    )


@cache
@torch.autocast("cpu", enabled=False)  # a network runs without
def measure_block_limits(threads: int, dtype: torch.dtype) -> BlockLimits:
    """Of the CPU with so many threads, those that PyTorch has now. Once per process, in 0.1 to 0.4 s.

    NumPy reads the cache, with one thread: several on a busy machine wait for one another longer than they read.
    """
    cache_bytes = _cache_bytes(torch.device("cpu"), BRIEF, read=lambda numbers: numbers.numpy().max())
    branches = threads if threads > 1 else 4  # nobody waits for one thread: several branches save calls
    end = time.perf_counter() + PAIRS_BUDGET

    def gains(rows: int) -> bool:
        return any(_batching_gains(rows, branches, dtype, end) for _ in range(ATTEMPTS))

    with torch.inference_mode():
        return block_limits(gains, cache_bytes)


@cache
@torch.autocast("cpu", enabled=False)
def measure_few_rows(threads: int, dtype: torch.dtype) -> int:
    """`FEW_ROWS` where this CPU multiplies few rows faster with the weights as the left factor, else 0.

    Of the CPU with so many threads, those that PyTorch has now. Once per process, in about 0.05 s, on one row and an
    MLP's weights of 64 branches, width 192, laid out as either side wants them: more than stays in a cache, as in a
    network, since what is read from there both sides read alike. One side takes two to three times as long as the
    other, which one differs from CPU to CPU.
    """
    weight, x, bias = (
        torch.full(shape, 0.01, device="cpu", dtype=dtype) for shape in ((64, 768, 192), (64, 1, 192), (64, 768))
    )

    with torch.inference_mode():
        left, right = (
            min(_times(partial(batched, x, laid_out, bias, rows), BRIEF))
            for laid_out, rows in ((weight, FEW_ROWS), (weight.mT.contiguous().mT, 0))
        )
    return FEW_ROWS if left < right else 0


def _batching_gains(rows: int, branches: int, dtype: torch.dtype, end: float) -> bool:
    """Whether norm, product and GELU of an MLP, width 192, are faster for all branches at once than one after another.

    By the fastest of interleaved calls: other work on the machine makes a call ten times slower, never faster. False
    where the clock passes `end` before all calls are made.
    """
    shapes = (branches, 1, rows, 192), (192,), (branches, 768, 192), (branches, 768)
    x, scale, weight, bias = (torch.full(shape, 0.01, device="cpu", dtype=dtype) for shape in shapes)

    def seconds(*blocks: slice) -> float:
        start = time.perf_counter()
        for block in blocks:
            gelu_(branch_linear(F.layer_norm(x[block], (192,), scale, scale), weight[block], bias[block]))
        return time.perf_counter() - start

    together = alone = float("inf")
    for _ in range(PAIRS):
        if time.perf_counter() > end:
            return False
        together = min(together, seconds(slice(branches)))
        alone = min(alone, seconds(*(slice(branch, branch + 1) for branch in range(branches))))
    return together < (1 - GAIN) * alone


def _middle(values: list[float] | list[Curve]) -> float | Curve:
    """The median, of curves point by point: a burst of other work on the machine spoils one round, not all."""
    if isinstance(values[0], tuple):
        at_each_size = zip(*values, strict=True)
        return tuple((points[0][0], statistics.median(rate for _, rate in points)) for points in at_each_size)
    return statistics.median(values)


def _measure(device: torch.device, dtype: torch.dtype) -> dict[str, float | Curve]:
    sizes, width = SIZES[device.type], SIZES[device.type]["width"]
    few_rows = measure_few_rows(_lanes(device), dtype) if device.type == "cpu" else 0

    def numbers(*shape: int) -> Tensor:
        return torch.full(shape, 0.01, device=device, dtype=dtype)

    def batched_rate(rows: int) -> float:
        x, weight, bias = (numbers(sizes["products"], n, width) for n in (rows, width, 1))
        return 2 * x.numel() * width / _seconds(lambda: batched(x, weight, bias[:, 0], few_rows), device)

    def single_rate(rows: int) -> float:
        x, weights = numbers(rows, width), numbers(sizes["products"], width, width)
        seconds = _seconds(lambda: [F.linear(x, weight) for weight in weights][-1], device)
        return 2 * sizes["products"] * x.numel() * width / seconds

    def attention_rate(tokens: int) -> float:
        qkv = numbers(ATTENTION_ROWS // tokens, tokens, 3, ATTENTION_HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        operations = 4 * ATTENTION_ROWS * tokens * ATTENTION_HEADS * HEAD_WIDTH
        return operations / _seconds(lambda: F.scaled_dot_product_attention(*qkv), device)

    cached, cache_bytes = numbers(2**20), _cache_bytes(device, BUDGET)
    memory_rate, packing_rate = _weight_rates(numbers, int(3 * cache_bytes), few_rows, device)
    return {
        "batched_rate": tuple((rows, batched_rate(rows)) for rows in sizes["rows"]),
        "single_rate": tuple((rows, single_rate(rows)) for rows in sizes["rows"]),
        "attention_rate": tuple((tokens, attention_rate(tokens)) for tokens in TOKENS),
        "function_rate": cached.numel() / _seconds(lambda: F.gelu(cached), device),
        "cache_bytes": cache_bytes,
        "cache_rate": 2 * cached.nbytes / _seconds(lambda: cached.mul_(1), device),
        "memory_rate": memory_rate,
        "packing_rate": packing_rate,
        "launch_cost": _launch_cost(numbers, device),
    }


def _weight_rates(
    numbers: Callable[..., Tensor], total: int, few_rows: int, device: torch.device
) -> tuple[float, float]:
    """(memory_rate, packing_rate), from `total` bytes of weights, more than the cache holds, read in turn.

    The first with one row. The second with 16, and the time of the same products from the cache taken off.
    """
    weights = [numbers(4, 512, 512) for _ in range(-(-total // numbers(4, 512, 512).nbytes))]
    bias, nbytes = numbers(4, 512), weights[0].nbytes

    def seconds(rows: int, weights: list[Tensor]) -> float:
        x = numbers(4, rows, 512)
        return _seconds(lambda: [batched(x, weight, bias, few_rows) for weight in weights][-1], device) / len(weights)

    cold, warm = seconds(16, weights), seconds(16, weights[:1])
    return nbytes / seconds(1, weights), nbytes / max(cold - warm, cold / 10)


def _launch_cost(numbers: Callable[..., Tensor], device: torch.device) -> float:
    """Mean over six calls on a few numbers, with as much slicing and turning of axes around them as a network has.

    Each chain follows a product that fills a CPU's second-level cache, as weights do inside of a network: what a call
    itself needs, code and tables, has then to come from further away.
    """
    x, weight, bias, large = numbers(2, 1, 8), numbers(4, 8, 8), numbers(4, 8), numbers(512, 512)

    def chain() -> Tensor:
        block = slice(0, 2)
        hidden = batched(F.layer_norm(x, (8,)), weight[block], bias[block], few_rows=0)
        heads = hidden.unflatten(-1, (2, 4)).transpose(1, 2).softmax(-1).transpose(1, 2).flatten(2)
        return F.gelu(heads).add_(x)

    return _seconds(chain, device, before=lambda: large @ large) / 6


def _seconds(call: Callable[[], Tensor], device: torch.device, before: Callable[[], object] = lambda: None) -> float:
    """Of one call. On a GPU that of one in a recorded graph of several, so that Python's part does not count."""
    if device.type == "cpu":
        return statistics.median(_times(call, BUDGET, before))

    def several(_: Tensor) -> Tensor:
        for _ in range(REPEATS):
            result = call()
        return result

    still = torch.zeros(1, device=device)
    replay = record_cuda_graph(several, still)

    def finished() -> None:
        replay(still)
        torch.cuda.synchronize(device)

    return statistics.median(_times(finished, BUDGET, before)) / REPEATS


def _times(call: Callable[[], object], budget: float, before: Callable[[], object] = lambda: None) -> list[float]:
    """s of each of at least five calls, repeated for `budget` s."""
    times: list[float] = []
    call()
    end = time.perf_counter() + budget
    while len(times) < 5 or time.perf_counter() < end:
        before()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def _cache_bytes(device: torch.device, budget: float, read: Callable[[Tensor], object] = torch.sum) -> float:
    """On a CPU: the most that is still read at half the best rate when it is read again and again.

    What the system says is no help: in a virtual machine it names caches that belong to others as well.
    """
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).L2_cache_size)
    sizes, best = [int(2 ** (power / 2)) for power in range(36, 51)], 0.0  # of float32: 1 MiB to 128 MiB
    data = torch.empty(sizes[-1], device=device, dtype=torch.float32)
    for size, following in pairwise(sizes):
        data[:following] = 1
        times = _times(partial(read, data[:following]), budget)
        rate = following / min(times)  # another process takes cache away, it never adds
        best = max(best, rate)
        if rate < best / 2:
            return 4.0 * size
    return 4.0 * sizes[-1]


def _lanes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).multi_processor_count
    return torch.get_num_threads()

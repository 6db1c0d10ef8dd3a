"""Time several functions in one interleaved run, so that whatever the machine does in the meantime befalls them all.

Numbers from here are compared, never asserted: a clock on a shared machine is no test.
"""

import math
import random
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

Summary = dict[str, float]  # q1, median, q3

LEAST_ROUNDS = 3  # quartiles of fewer say nothing
SLICE_MS = 10.0  # a function twice as fast is called several times a round: one call unmeasured, the mean of the rest
MOST_CALLS = 20  # in one round


def interleave(
    functions: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float = math.inf, warmup: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of one call of each function, round by round; CUDA work is waited for after every call.

    A round times each function once, in an order drawn anew for every round (the same in every run), so that none
    always comes after the same other one. Rounds end after `rounds` of them, or after the first that ends later than
    `seconds`, but not before LEAST_ROUNDS.
    """
    calls = dict.fromkeys(functions, 1)
    for _ in range(warmup):
        for name, function in functions.items():
            calls[name] = max(1, min(MOST_CALLS, int(SLICE_MS / milliseconds(function))))
    times: dict[str, list[float]] = {name: [] for name in functions}
    start = time.perf_counter()
    for number in range(rounds):
        for name in random.Random(number).sample(list(functions), len(functions)):
            if calls[name] > 1:
                functions[name]()  # finds the caches as another function left them; a server runs one network
            times[name].append(milliseconds(functions[name], calls[name]))
        if number + 1 >= LEAST_ROUNDS and time.perf_counter() - start > seconds:
            break
    return times


def milliseconds(function: Callable[[], object], calls: int = 1) -> float:
    """Mean time of `calls` calls, one after the other."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3 / calls


def summarize(values: list[float]) -> Summary:
    """Lower quartile, median and upper quartile."""
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {"q1": float(q1), "median": float(median), "q3": float(q3)}


def ratio(peer: list[float], ours: list[float]) -> Summary:
    """peer / ours, round by round: above 1 ours is the faster one."""
    return summarize([p / o for p, o in zip(peer, ours, strict=True)])

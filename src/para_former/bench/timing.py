"""Time several functions in one interleaved run, so that whatever the machine does in the meantime befalls them all.

Numbers from here are compared, never asserted: a clock on a shared machine is no test.
"""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

Summary = dict[str, float]  # q1, median, q3


def interleave(
    functions: Mapping[str, Callable[[], object]], *, rounds: int, warmup: int = 3
) -> dict[str, list[float]]:
    """Milliseconds of `rounds` calls of each function, called in turn: A B C A B C ...; CUDA work is waited for."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for round_number in range(-warmup, rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if round_number >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def summarize(values: list[float]) -> Summary:
    """Lower quartile, median and upper quartile."""
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {"q1": float(q1), "median": float(median), "q3": float(q3)}


def ratio(peer: list[float], ours: list[float]) -> Summary:
    """peer / ours, round by round: above 1 ours is the faster one."""
    return summarize([p / o for p, o in zip(peer, ours, strict=True)])

"""How many branches share one product. It depends on the rows that each branch has.

On a GPU all of them, until one branch fills it: then a product of its own is faster, since only that one adds its bias
in the same kernel. On a CPU it takes measuring.

A batched product gives each thread whole branches, so threads wait for one another once per product in place of many
times: with few rows per branch that is worth up to 45 %, provided that the branches of a block divide by the threads
(three on two threads take as long as four). With many rows one branch's product feeds all threads, and a block's
activations would only fall out of the cache. Where few ends, and how much fits, `calibration.py` measures on the
device: here nothing looks at a clock. What was found: `docs/execution.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import torch

from para_former.models.config import ModelConfig

ROWS = (40, 80, 160, 320, 640, 1280)  # of one branch, at which a batched product is compared with single ones
GPU_FULL = 2**19  # numbers in a branch's tokens, from which batching costs a GPU more than the launches that it saves
GRID_LIMIT = 65_535  # a CUDA grid's second and third axes, where attention puts branch times image


@dataclass(frozen=True)
class BlockLimits:
    """Of a CPU, for one number format and number of threads."""

    most_rows: int
    """tokens of one branch up to which batching the branches gains; 0: it never does"""
    cache_bytes: int
    """for hidden activations of one block"""


def block_limits(gains: Callable[[int], bool], cache_bytes: float) -> BlockLimits:
    """`gains` says of a number of rows whether batching is faster there; the first of `ROWS` where not ends the search.

    Half of the cache is for hidden activations: weights, norms, queries, keys and values need as much again.
    """
    return BlockLimits(max(takewhile(gains, ROWS), default=0), int(cache_bytes / 2))


def limits_matter(executor: str, config: ModelConfig, threads: int) -> bool:
    """Whether a CPU's limits decide anything: not where each branch is one row per image, nor with idle threads."""
    return executor == "auto" and not (config.depth == 1 and config.pool == "cls") and config.branches >= threads


def branches_per_block(
    executor: str,
    config: ModelConfig,
    count: int,
    *,
    batch: int | torch.SymInt,
    dtype: torch.dtype,
    threads: int,
    limits: BlockLimits | None,
    on_gpu: bool,
) -> int:
    """How many of the `count` branches that are computed share a block, for `batch` images.

    `threads` and `limits` are a CPU's and play no part on a GPU.
    """
    batch = max(1, batch) if isinstance(batch, int) else 1  # none, or an open batch: planned for one image
    rows, one_row = batch * config.tokens, config.depth == 1 and config.pool == "cls"
    alone = executor == "auto" and on_gpu and not one_row and rows * config.width >= GPU_FULL
    if executor == "loop" or alone:
        return 1
    if executor != "auto" or on_gpu:
        return max(1, min(count, GRID_LIMIT // batch))
    if one_row:  # no branch has more than a row per image
        return count
    if limits is None or rows > limits.most_rows or count < threads:
        return 1
    fitting = limits.cache_bytes // (rows * config.mlp_width * dtype.itemsize)
    blocks = -(-count // min(count, max(fitting, threads)))
    equal = -(-count // blocks)
    return max(threads, equal // threads * threads)

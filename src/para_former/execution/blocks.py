"""How many branches share one product. On a GPU all of them; on a CPU as many as keep their activations in the cache.

A CPU has no idle lanes, so batching branches gains what it saves in calls and in waiting of threads for one another,
and loses where the activations of a block fall out of the cache. Measured: `docs/execution.md`.
"""

from torch import Tensor

from para_former.models.config import ModelConfig

CACHE_BYTES = 2 * 2**20  # of hidden activations: the second-level caches of two cores
ROWS_FOR_ALL_THREADS = 512  # tokens of one branch that keep all threads busy in one product
GRID_LIMIT = 65_535  # a CUDA grid's second and third axes, where attention puts branch times image


def branches_per_block(executor: str, config: ModelConfig, count: int, x: Tensor) -> int:
    """Branches in one block out of `count`, for tokens x [1, batch, tokens, width]."""
    batch = x.shape[1] if isinstance(x.shape[1], int) else 1  # exported with an open batch: planned for one image
    if executor == "loop":
        return 1
    if executor != "auto" or x.is_cuda:
        return max(1, min(count, GRID_LIMIT // batch))
    if config.depth == 1 and config.pool == "cls":
        return count
    rows = batch * config.tokens
    if rows > ROWS_FOR_ALL_THREADS:
        return 1
    fitting = max(2, CACHE_BYTES // (rows * config.mlp_width * x.element_size()))
    blocks = -(-count // min(count, fitting))
    return -(-count // blocks)  # as equal as possible

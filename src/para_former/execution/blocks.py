"""How many branches share one product. On a GPU all of them; on a CPU it depends on the rows that each branch has.

A batched product gives each thread whole branches, so threads wait for one another once per product in place of many
times: with few rows per branch that is worth up to 45 %, provided that the branches of a block divide by the threads
(three on two threads take as long as four). With many rows one branch's product feeds all threads, and a block's
activations would only fall out of the cache. The constants are measured: `docs/execution.md`.
"""

import torch

from para_former.models.config import ModelConfig

MOST_ROWS = 640  # tokens of one branch up to which batching the branches gains
CACHE_BYTES = 24 * 2**20  # of hidden activations of one block: most of a third-level cache
GRID_LIMIT = 65_535  # a CUDA grid's second and third axes, where attention puts branch times image


def branches_per_block(
    executor: str,
    config: ModelConfig,
    count: int,
    *,
    batch: int | torch.SymInt,
    dtype: torch.dtype,
    threads: int,
    on_gpu: bool,
) -> int:
    """Branches in one block out of `count`, for so many images of the batch and threads of a CPU."""
    batch = batch if isinstance(batch, int) else 1  # exported with an open batch: planned for one image
    if executor == "loop":
        return 1
    if executor != "auto" or on_gpu:
        return max(1, min(count, GRID_LIMIT // batch))
    if config.depth == 1 and config.pool == "cls":  # no branch has more than a row per image
        return count
    rows = batch * config.tokens
    if rows > MOST_ROWS or count < threads:
        return 1
    fitting = CACHE_BYTES // (rows * config.mlp_width * dtype.itemsize)
    blocks = -(-count // min(count, max(fitting, threads)))
    equal = -(-count // blocks)
    return max(threads, equal // threads * threads)

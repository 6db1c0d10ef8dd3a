"""How many branches share one product. On a GPU all of them; on a CPU it depends on the rows that each branch has.

A batched product gives each thread whole branches, so threads wait for one another once per product in place of many
times: with few rows per branch that is worth up to 45 %, provided that the branches of a block divide by the threads
(three on two threads take as long as four). With many rows one branch's product feeds all threads, and a block's
activations would only fall out of the cache. The constants are measured: `docs/execution.md`.
"""

from torch import Tensor

from para_former.models.config import ModelConfig

FEW_ROWS = 640  # tokens of one branch up to which batching the branches gains
CACHE_BYTES = 24 * 2**20  # of hidden activations of one block: most of a third-level cache
GRID_LIMIT = 65_535  # a CUDA grid's second and third axes, where attention puts branch times image


def branches_per_block(executor: str, config: ModelConfig, count: int, x: Tensor, threads: int) -> int:
    """Branches in one block out of `count`, for tokens x [1, batch, tokens, width] and so many threads of a CPU."""
    batch = x.shape[1] if isinstance(x.shape[1], int) else 1  # exported with an open batch: planned for one image
    if executor == "loop":
        return 1
    if executor != "auto" or x.is_cuda:
        return max(1, min(count, GRID_LIMIT // batch))
    if config.depth == 1 and config.pool == "cls":  # no branch has more than a row per image
        return count
    rows = batch * config.tokens
    if rows > FEW_ROWS or count < threads:
        return 1
    fitting = CACHE_BYTES // (rows * config.mlp_width * x.element_size())
    blocks = -(-count // min(count, max(fitting, threads)))
    equal = -(-count // blocks)
    return equal // threads * threads

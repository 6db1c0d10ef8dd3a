"""What one forward pass has to do: a list of steps, each with its operations, numbers moved and calls.

Two ways to compute are listed: "prepared", what `prepared.py` does, and "serial", a serial ViT of as many layers that
computes every token of every layer. Nothing here knows a device's speed: what the steps cost is `planner.py`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import torch

from para_former.execution.blocks import block_limits, branches_per_block
from para_former.execution.device import DeviceConstants, seconds_per_operation
from para_former.execution.steps import Step, elementwise, linear, product, row_product
from para_former.models.config import ModelConfig
from para_former.models.stem import convolutions

Way = Literal["prepared", "serial"]
IDLE_MODULES = 12  # dropouts, and places for layer scale, stochastic depth and norms of queries, keys and heads


def work(config: ModelConfig, batch: int, way: Way, constants: DeviceConstants) -> list[Step]:
    """The steps of a forward pass of `batch` images; of the device its kind, number format and lanes matter here."""
    if way == "serial":
        patches = config.grid[0] * config.grid[1]
        layer = [*_attend(config, batch, "layers", 1), *_mlp(config, batch, "layers", 1), *_idle(constants.kind)]
        layers = [replace(step, times=config.layers) for step in layer]
        return [*_embedding(config, batch, patches, passes=2), *layers, *_head(config, batch)]
    steps = [*_embedding(config, batch, config.tokens, passes=1)]  # the class token as a row of zeros
    for size, times in _blocks(config, batch, constants).items():
        steps += [replace(step, times=times) for step in _gather(config, batch, size)]
    return [*steps, *_finish(config, batch), *_head(config, batch)]


def _blocks(config: ModelConfig, batch: int, constants: DeviceConstants) -> Counter[int]:
    """Branches in a block -> number of such blocks."""
    count = config.branches

    def gains(rows: int) -> bool:
        return seconds_per_operation(constants.batched_rate, rows) < seconds_per_operation(constants.single_rate, rows)

    size = branches_per_block(
        "auto",
        config,
        count,
        batch=batch,
        dtype=getattr(torch, constants.dtype),
        threads=constants.lanes,
        limits=block_limits(gains, constants.cache_bytes),
        on_gpu=constants.kind == "cuda",
    )
    return Counter(min(size, count - start) for start in range(0, count, size))


def _gather(config: ModelConfig, batch: int, branches: int) -> Iterator[Step]:
    """All levels of a block of branches, up to where one row per image is left."""
    for level in range(config.depth - 1):
        yield from _attend(config, batch, f"level {level}", branches, shared=level == 0)
        yield from _mlp(config, batch, f"level {level}", branches)
    part, shared = f"level {config.depth - 1}", config.depth == 1
    if config.pool == "cls":
        yield from _mix(config, batch, part, branches)
    else:
        yield from _attend(config, batch, part, branches, shared)
        yield from _hidden(config, batch, part, branches)
        both = config.mlp_width + config.width  # hidden units and residual, each to its mean over tokens
        yield elementwise(part, moved=branches * batch * config.tokens * both, launches=2)


def _finish(config: ModelConfig, batch: int) -> Iterator[Step]:
    """The rest of the last level, on one row per branch and image, of all branches at once."""
    part, width, branches = f"level {config.depth - 1}", config.width, config.branches
    if config.pool == "cls":
        yield product(part, branches * config.heads, batch, width, width // config.heads)
        yield elementwise(part, moved=2 * branches * batch * width)
        yield row_product(part, branches, batch, width, width)
        if config.depth > 1:  # at depth 1 the bias has the residual in it
            yield elementwise(part, moved=3 * branches * batch * width)
        yield elementwise(part, functions=branches * batch * width)
        yield row_product(part, branches, batch, width, config.mlp_width)
        yield elementwise(part, functions=branches * batch * config.mlp_width)
    yield row_product(part, branches, batch, config.mlp_width, width)
    yield elementwise(part, moved=3 * branches * batch * width)


def _embedding(config: ModelConfig, batch: int, tokens: int, passes: int) -> Iterator[Step]:
    """`passes` over what a convolution gives: ReLU, and BatchNorm where it is not folded."""
    features = config.in_channels * config.patch_size**2
    if config.stem == "conv":
        for layer in convolutions(config):
            pixels, features = batch * layer.grid[0] * layer.grid[1], layer.outputs
            moved, launches = 2 * passes * pixels * features, 1 + passes
            yield product("embedding", 1, pixels, 9 * layer.inputs, features, moved=moved, launches=launches)
    rows = batch * tokens
    moved = 4 * rows * features + 2 * rows * config.width  # patches cut out, padded; positions added
    yield product("embedding", 1, rows, features, config.width, moved=moved, launches=4)


def _attend(config: ModelConfig, batch: int, part: str, branches: int, shared: bool = False) -> Iterator[Step]:
    """x + attention(norm(x)) for every token; `shared`: all branches read the same x.

    4 T D^2 + 2 T^2 D multiplications per image and branch.
    """
    tokens, width = config.tokens, config.width
    rows, all_rows = batch * tokens, branches * batch * tokens
    yield elementwise(part, functions=(rows if shared else all_rows) * width)
    if shared:
        yield product(part, 1, rows, width, 3 * branches * width)
    else:
        yield linear(part, branches, rows, width, 3 * width)
    yield Step(
        part=part,
        products=2 * branches * batch * config.heads,
        rows=tokens,
        inputs=width // config.heads,
        outputs=tokens,
        attention=True,
    )
    if shared and branches > 1:  # heads of one call, branch after branch again
        yield elementwise(part, moved=2 * all_rows * width)
    yield linear(part, branches, rows, width, width)
    yield elementwise(part, moved=3 * all_rows * width)


def _mlp(config: ModelConfig, batch: int, part: str, branches: int) -> Iterator[Step]:
    """x + MLP(norm(x)) for every token: 2 T D H multiplications per image and branch, with H hidden units."""
    rows, width = batch * config.tokens, config.width
    yield from _hidden(config, batch, part, branches)
    yield linear(part, branches, rows, config.mlp_width, width)
    yield elementwise(part, moved=3 * branches * rows * width)


def _hidden(config: ModelConfig, batch: int, part: str, branches: int) -> Iterator[Step]:
    rows, width, hidden = batch * config.tokens, config.width, config.mlp_width
    yield elementwise(part, functions=branches * rows * width)
    yield linear(part, branches, rows, width, hidden)
    yield elementwise(part, functions=branches * rows * hidden)


def _mix(config: ModelConfig, batch: int, part: str, branches: int) -> Iterator[Step]:
    """sum_t p_t x_hat_t of every head: 2 T h D multiplications per image and branch.

    At depth 1 the query is a constant; deeper, each branch makes its own, and a key from it: 2 D^2 more.
    """
    tokens, width, heads = config.tokens, config.width, config.heads
    shared = config.depth == 1
    yield elementwise(part, functions=(1 if shared else branches) * batch * tokens * width)
    if shared:
        sizes, own = {"products": batch, "rows": branches * heads}, branches * heads * width
    else:
        sizes, own = {"products": branches * batch, "rows": heads}, 0
        yield row_product(part, branches, batch, width, width)
        yield product(part, branches * heads, batch, width // heads, width, launches=2)
    yield Step(part=part, **sizes, inputs=width, outputs=tokens, weights=own)
    yield elementwise(part, functions=branches * batch * heads * tokens)
    yield Step(part=part, **sizes, inputs=tokens, outputs=width)


def _idle(kind: str) -> list[Step]:
    """Modules of one layer of timm's ViT that compute nothing in inference, and yet are called where no graph is."""
    return [] if kind == "cuda" else [elementwise("layers", launches=IDLE_MODULES)]


def _head(config: ModelConfig, batch: int) -> Iterator[Step]:
    yield elementwise("head", functions=batch * config.width, launches=2)
    yield product("head", 1, batch, config.width, config.num_classes)

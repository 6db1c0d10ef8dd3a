"""What one forward pass has to do: a list of steps, each with its operations, numbers moved and calls.

Two ways to compute are listed: "prepared", what `prepared.py` does, and "serial", a serial ViT of as many layers that
computes every token of every layer. Nothing here knows a device's speed: what the steps cost is `planner.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch

from para_former.execution.blocks import branches_per_block
from para_former.models.config import ModelConfig

Way = Literal["prepared", "serial"]
IDLE_MODULES = 12  # dropouts, and places for layer scale, stochastic depth and norms of queries, keys and heads


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of PyTorch and the passes that belong to it, made `times` times; all sizes are of one of them."""

    part: str
    """where it belongs: embedding, level 0, ..., head; the layers of a serial network are one part"""
    products: int = 0
    """independent products [rows, inputs] x [inputs, outputs]"""
    rows: int = 1
    inputs: int = 0
    outputs: int = 0
    attention: bool = False
    """both products of attention, between tokens, in place of tokens and weights"""
    weights: int = 0
    """numbers that are the same in every forward pass"""
    functions: int = 0
    """numbers under a GELU, a softmax or a norm; attention's own softmax excepted"""
    moved: int = 0
    """numbers that passes over activations read and write; products excepted"""
    launches: int = 1
    """calls, or kernels of a GPU"""
    times: int = 1

    @property
    def operations(self) -> int:
        """Multiplications and additions of the products."""
        return 2 * self.products * self.rows * self.inputs * self.outputs


def operations(steps: Iterable[Step]) -> int:
    """Multiplications and additions of all products."""
    return sum(step.times * step.operations for step in steps)


def weights(steps: Iterable[Step]) -> int:
    """Numbers of weights that products read, each once."""
    return sum(step.times * step.weights for step in steps)


def launches(steps: Iterable[Step]) -> int:
    """Calls, or kernels of a GPU."""
    return sum(step.times * step.launches for step in steps)


def work(
    config: ModelConfig, batch: int, way: Way, kind: Literal["cpu", "cuda"], dtype: torch.dtype, threads: int
) -> list[Step]:
    """The steps of a forward pass of `batch` images; `kind`, `dtype` and `threads` decide the blocks of branches."""
    if way == "serial":
        patches = batch * config.grid[0] * config.grid[1]
        layer = [*_full(config, batch, "layers", 1, shared=False), *_idle(kind)]
        layers = [replace(step, times=config.layers) for step in layer]
        return [*_embedding(config, patches), *layers, *_head(config, batch, 1)]
    blocks = _blocks(config, batch, kind, dtype, threads)
    steps = [*_embedding(config, batch * config.tokens)]  # the class token as a row of zeros
    for size, times in blocks.items():
        steps += [replace(step, times=times) for step in _branches(config, batch, size)]
    finish = _finish_class if config.pool == "cls" else _finish_mean
    steps += finish(config, batch, f"level {config.depth - 1}")
    return [*steps, *_head(config, batch, config.branches)]


def _blocks(config: ModelConfig, batch: int, kind: str, dtype: torch.dtype, threads: int) -> Counter[int]:
    """Branches in a block -> number of such blocks."""
    count = config.branches
    if kind == "cuda":
        return Counter([count])
    x = torch.empty(1, batch, config.tokens, config.width, dtype=dtype, device="meta")
    size = branches_per_block("auto", config, count, x, threads)
    return Counter(min(size, count - start) for start in range(0, count, size))


def _branches(config: ModelConfig, batch: int, branches: int) -> Iterator[Step]:
    """All levels of a block of branches, up to where one row per image is left."""
    for level in range(config.depth):
        part, shared, last = f"level {level}", level == 0, level == config.depth - 1
        if last and config.pool == "cls":
            yield from _gather_class(config, batch, part, branches)
        else:
            yield from _full(config, batch, part, branches, shared, mean_read_out=last)


def _embedding(config: ModelConfig, rows: int) -> Iterator[Step]:
    pixels = config.in_channels * config.patch_size**2
    moved = 4 * rows * pixels + 2 * rows * config.width  # patches cut out, padded; positions added
    yield _product("embedding", 1, rows, pixels, config.width, moved=moved, launches=4)


def _full(
    config: ModelConfig, batch: int, part: str, branches: int, shared: bool, mean_read_out: bool = False
) -> Iterator[Step]:
    """Every token of a module of each branch; `shared`: all branches read the same x.

    T (4 D^2 + 2 D H) + 2 T^2 D multiplications per image and branch, with H hidden units; with the mean read-out the
    second product of the MLP has one row per image, D H in place of T D H, and is `_finish_mean`.
    """
    tokens, width, hidden = config.tokens, config.width, config.mlp_width
    rows, all_rows = batch * tokens, branches * batch * tokens
    yield _pass(part, functions=(rows if shared else all_rows) * width)
    if shared:
        yield _product(part, 1, rows, width, 3 * branches * width)
    else:
        yield _with_bias(part, branches, rows, width, 3 * width)
    yield Step(
        part=part,
        products=2 * branches * batch * config.heads,
        rows=tokens,
        inputs=width // config.heads,
        outputs=tokens,
        attention=True,
    )
    if shared and branches > 1:  # heads of one call, branch after branch again
        yield _pass(part, moved=2 * all_rows * width)
    yield _with_bias(part, branches, rows, width, width)
    yield _pass(part, moved=3 * all_rows * width)
    yield _pass(part, functions=all_rows * width)
    yield _with_bias(part, branches, rows, width, hidden)
    yield _pass(part, functions=all_rows * hidden)
    if mean_read_out:
        yield _pass(part, moved=all_rows * (hidden + width), launches=2)
    else:
        yield _with_bias(part, branches, rows, hidden, width)
        yield _pass(part, moved=3 * all_rows * width)


def _idle(kind: str) -> list[Step]:
    """Modules of one layer of timm's ViT that compute nothing in inference, and yet are called where no graph is."""
    return [] if kind == "cuda" else [_pass("layers", launches=IDLE_MODULES)]


def _gather_class(config: ModelConfig, batch: int, part: str, branches: int) -> Iterator[Step]:
    """What the class token's row takes from all tokens.

    2 T h D multiplications per image and branch; deeper than 1, where each branch has its own class token, 2 D^2 more
    for its query and for the keys behind it.
    """
    tokens, width, heads = config.tokens, config.width, config.heads
    shared = config.depth == 1
    queries = branches * batch * heads
    yield _pass(part, functions=(1 if shared else branches) * batch * tokens * width)
    if shared:
        sizes, own = {"products": batch, "rows": branches * heads}, branches * heads * width
    else:
        sizes, own = {"products": branches * batch, "rows": heads}, 0
        yield _with_bias(part, branches, batch, width, width)
        yield _product(part, branches * heads, batch, width // heads, width, launches=2)
    yield Step(part=part, **sizes, inputs=width, outputs=tokens, weights=own)
    yield _pass(part, functions=queries * tokens)
    yield Step(part=part, **sizes, inputs=tokens, outputs=width)


def _finish_class(config: ModelConfig, batch: int, part: str) -> Iterator[Step]:
    """The rest of that row, all branches at once: 2 D^2 + 2 D H multiplications per image and branch."""
    width, heads, hidden, branches = config.width, config.heads, config.mlp_width, config.branches
    yield _with_bias(part, branches * heads, batch, width, width // heads)
    yield _pass(part, moved=2 * branches * batch * width)
    yield _with_bias(part, branches, batch, width, width)
    yield _pass(part, moved=3 * branches * batch * width)
    yield _pass(part, functions=branches * batch * width)
    yield _with_bias(part, branches, batch, width, hidden)
    yield _pass(part, functions=branches * batch * hidden)
    yield _with_bias(part, branches, batch, hidden, width)
    yield _pass(part, moved=3 * branches * batch * width)


def _finish_mean(config: ModelConfig, batch: int, part: str) -> Iterator[Step]:
    """The second product of the MLP, all branches at once: D H multiplications per image and branch."""
    yield _with_bias(part, config.branches, batch, config.mlp_width, config.width)
    yield _pass(part, moved=3 * config.branches * batch * config.width)


def _head(config: ModelConfig, batch: int, branches: int) -> Iterator[Step]:
    yield _pass("head", moved=branches * batch * config.width)  # sum over branches
    yield _pass("head", functions=batch * config.width)
    yield _product("head", 1, batch, config.width, config.num_classes)


def _product(part: str, products: int, rows: int, inputs: int, outputs: int, moved: int = 0, launches: int = 1) -> Step:
    """Tokens times weights."""
    weights = products * inputs * outputs
    return Step(
        part=part,
        products=products,
        rows=rows,
        inputs=inputs,
        outputs=outputs,
        weights=weights,
        moved=moved,
        launches=launches,
    )


def _with_bias(part: str, products: int, rows: int, inputs: int, outputs: int) -> Step:
    """Tokens times weights; of several products the bias is a pass of its own."""
    if products == 1:
        return _product(part, 1, rows, inputs, outputs)
    return _product(part, products, rows, inputs, outputs, moved=2 * products * rows * outputs, launches=2)


def _pass(part: str, functions: int = 0, moved: int = 0, launches: int = 1) -> Step:
    """Over activations; a function reads and writes what it is applied to."""
    return Step(part=part, functions=functions, moved=moved + 2 * functions, launches=launches)

"""The rule that chooses how many branches share one product."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from para_former.execution.blocks import CACHE_BYTES, MOST_ROWS, branches_per_block
from para_former.models import ModelConfig


def on_a_cpu(executor: str, config: ModelConfig, branches: int, batch: int, threads: int) -> int:
    place = {"dtype": torch.float32, "threads": threads, "on_gpu": False}
    return branches_per_block(executor, config, branches, batch=batch, **place)


@given(st.integers(1, 3), st.integers(1, 24), st.integers(1, 64), st.integers(1, 8), st.sampled_from(["cls", "mean"]))
def test_blocks_on_a_cpu_hold_whole_threads_and_fit_the_cache(depth, branches, batch, threads, pool):
    config = ModelConfig(depth=depth, layers=depth * branches, pool=pool)
    size = on_a_cpu("auto", config, branches, batch, threads)
    assert 1 <= size <= branches
    rows = batch * config.tokens
    if depth == 1 and pool == "cls":
        assert size == branches
    elif size > 1:
        assert rows <= MOST_ROWS and size % threads == 0
        assert size == threads or size * rows * config.mlp_width * 4 <= CACHE_BYTES


def test_named_executors_take_one_branch_or_all():
    config = ModelConfig(depth=2, layers=24)
    assert on_a_cpu("loop", config, 12, 1, 2) == 1
    assert on_a_cpu("batched", config, 12, 1, 2) == 12
    assert on_a_cpu("batched", config, 12, 10_000, 2) == 6  # a CUDA grid ends at 65,535

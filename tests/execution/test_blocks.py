"""The rule that chooses how many branches share one product; and its limits, measured only where they decide."""

import torch
from hypothesis import example, given
from hypothesis import strategies as st

import para_former as pf
from para_former.execution import calibration, prepared
from para_former.execution.blocks import GPU_FULL, ROWS, BlockLimits, block_limits, branches_per_block
from para_former.models import ModelConfig
from tests.networks import small_network

some_limits = st.none() | st.builds(BlockLimits, st.sampled_from([0, *ROWS]), st.integers(0, 2**25))


def on_a_cpu(
    executor: str, config: ModelConfig, branches: int, batch: int, threads: int, limits: BlockLimits | None = None
) -> int:
    place = {"dtype": torch.float32, "threads": threads, "limits": limits, "on_gpu": False}
    return branches_per_block(executor, config, branches, batch=batch, **place)


@given(
    st.integers(1, 3),
    st.integers(1, 24),
    st.integers(0, 64),
    st.integers(1, 8),
    st.sampled_from(["cls", "mean"]),
    some_limits,
)
@example(
    depth=2, branches=4, batch=1, threads=3, pool="mean", limits=BlockLimits(80, 0)
)  # two equal blocks idle a thread
def test_blocks_on_a_cpu_hold_whole_threads_and_fit_the_cache(depth, branches, batch, threads, pool, limits):
    config = ModelConfig(depth=depth, layers=depth * branches, pool=pool)
    size = on_a_cpu("auto", config, branches, batch, threads, limits)
    assert 1 <= size <= branches
    rows = batch * config.tokens
    if depth == 1 and pool == "cls":
        assert size == branches
    elif limits is None:
        assert size == 1
    elif size > 1:
        assert rows <= limits.most_rows and size % threads == 0
        assert size == threads or size * rows * config.mlp_width * 4 <= limits.cache_bytes


def test_branches_are_batched_up_to_the_limit_and_not_beyond():
    config, limits = ModelConfig(depth=2, layers=24), BlockLimits(most_rows=8 * 65, cache_bytes=2**25)
    assert on_a_cpu("auto", config, 12, 8, 2, limits) == 12
    assert on_a_cpu("auto", config, 12, 9, 2, limits) == 1
    assert on_a_cpu("auto", config, 12, 8, 16, limits) == 1  # idle threads


def test_a_gpu_takes_all_branches_until_one_fills_it():
    def on_a_gpu(config, batch, executor="auto"):
        place = {"dtype": torch.bfloat16, "threads": 2, "limits": None, "on_gpu": True}
        return branches_per_block(executor, config, config.branches, batch=batch, **place)

    config = ModelConfig(depth=2, layers=24)
    full = -(-GPU_FULL // (config.tokens * config.width))  # images
    assert [on_a_gpu(config, batch) for batch in (1, full - 1, full, 10**9)] == [12, 12, 1, 1]
    assert on_a_gpu(config, full, "batched") == on_a_gpu(config, full, "graphed") == 12
    assert on_a_gpu(ModelConfig(depth=1, layers=24, pool="cls"), full) == 24  # a row per image fills nothing
    assert on_a_gpu(ModelConfig(depth=1, layers=24, pool="mean"), full) == 1


def test_named_executors_take_one_branch_or_all():
    config = ModelConfig(depth=2, layers=24)
    assert on_a_cpu("loop", config, 12, 1, 2) == 1
    assert on_a_cpu("batched", config, 12, 1, 2) == 12
    assert on_a_cpu("batched", config, 12, 10_000, 2) == 6  # a CUDA grid ends at 65,535


def test_the_first_number_of_rows_without_a_gain_ends_the_search():
    assert block_limits(lambda rows: rows != 320, 100.0) == BlockLimits(most_rows=160, cache_bytes=50)
    assert block_limits(lambda rows: True, 100.0).most_rows == ROWS[-1]
    assert block_limits(lambda rows: rows > 40, 100.0).most_rows == 0


def test_limits_are_measured_once():
    """What the numbers are is no test's business."""
    calibration.measure_block_limits.cache_clear()
    first, second = (calibration.measure_block_limits(1, torch.float32) for _ in range(2))
    assert first is second
    assert first.most_rows in (0, *ROWS) and first.cache_bytes > 0


def test_a_measurement_without_time_stays_with_the_loop(monkeypatch):
    monkeypatch.setattr(calibration, "PAIRS_BUDGET", -1.0)
    assert calibration.measure_block_limits.__wrapped__(1, torch.float32).most_rows == 0


def test_only_what_limits_decide_asks_for_them_anew_for_other_threads_or_numbers(monkeypatch):
    asked = []
    monkeypatch.setattr(prepared, "measure_block_limits", lambda *key: asked.append(key))
    pf.prepare(small_network(depth=1, pool="cls"))
    for executor in ("loop", "batched", "graphed"):
        pf.prepare(small_network(depth=2), executor)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 4)
        pf.prepare(small_network(depth=2, layers=6))  # three branches
    assert not asked
    network = pf.prepare(small_network(depth=2))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    pf.prepare(small_network(depth=2))
    network.float()
    assert asked == [(1, torch.float64), (2, torch.float64), (2, torch.float32)]

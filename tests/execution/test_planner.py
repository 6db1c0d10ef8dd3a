"""What must hold for predictions on any device; how near they are to measured times is `docs/planner.md`."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.errors import InputError
from para_former.execution.frozen import FEW_ROWS
from para_former.execution.planner import DEPTHS, MOST_LAYERS, TILE, _costs, fit, predict
from para_former.execution.steps import product, weights
from para_former.execution.work import work
from para_former.models import ModelConfig
from tests.execution.constants import CPU, GPU

devices = st.sampled_from([CPU, GPU])
ways = st.sampled_from(["prepared", "serial"])
numbers = st.integers(1, 8)
networks = st.builds(
    lambda depth, branches, width, patches, pool, stem: ModelConfig(
        depth=depth, layers=depth * branches, width=24 * width, heads=3, image_size=4 * patches, pool=pool, stem=stem
    ),
    st.integers(1, 4),
    numbers,
    numbers,
    numbers,
    st.sampled_from(["cls", "mean"]),
    st.sampled_from(["patch", "conv"]),
)
some = settings(max_examples=40)


def halved(constants, by=2):
    """A slower memory."""
    return replace(constants, memory_rate=constants.memory_rate / by, packing_rate=constants.packing_rate / by)


@some
@given(networks, devices, numbers, ways)
def test_causes_and_parts_both_sum_to_the_time_and_the_limit_is_the_largest_cause(config, constants, batch, way):
    prediction = predict(config, constants, batch, way)
    assert prediction.ms > 0
    assert sum(prediction.causes.values()) == pytest.approx(prediction.ms)
    assert sum(prediction.parts.values()) == pytest.approx(prediction.ms)
    assert prediction.causes[prediction.limit] == max(prediction.causes.values())
    assert {"embedding", "head"} < set(prediction.parts)


@some
@given(networks, devices, numbers, ways, st.sampled_from(["layers", "batch", "width", "tokens"]))
def test_more_of_anything_takes_no_less_time(config, constants, batch, way, what):
    """Launches excepted: on a CPU the branches are cut into blocks, and more of them may make fewer, larger blocks."""
    larger = {
        "layers": replace(config, layers=config.layers + config.depth),
        "batch": config,
        "width": replace(config, width=config.width + 24),
        "tokens": replace(config, image_size=config.image_size + 4),
    }[what]
    free = replace(constants, launch_cost=1e-30)
    assert predict(larger, free, batch + (what == "batch"), way).ms >= predict(config, free, batch, way).ms


@some
@given(networks, devices, numbers, ways)
def test_a_slower_device_takes_no_less_time(config, constants, batch, way):
    before = predict(config, constants, batch, way).ms
    for name in ("memory_rate", "packing_rate", "cache_rate", "function_rate", "cache_bytes"):
        slower = replace(constants, **{name: getattr(constants, name) // 2})
        assert predict(config, slower, batch, way).ms >= before
    assert predict(config, replace(constants, launch_cost=2 * constants.launch_cost), batch, way).ms > before


@pytest.mark.parametrize("constants", [CPU, GPU])
def test_half_the_memory_rate_doubles_a_time_that_is_all_reading(constants):
    instant = ((1, 1e30),)
    only_reading = replace(
        constants,
        batched_rate=instant,
        single_rate=instant,
        attention_rate=instant,
        function_rate=1e30,
        cache_rate=1e30,
        launch_cost=1e-30,
    )
    config = ModelConfig(depth=1, layers=24, width=384, heads=6)
    whole = predict(config, only_reading)
    half = predict(config, halved(only_reading))
    assert whole.limit == half.limit == "bytes"
    assert half.ms == pytest.approx(2 * whole.ms)


def test_weights_that_fill_less_than_half_of_the_cache_are_not_read_from_the_memory():
    config = ModelConfig(depth=1, layers=6)
    slow = halved(CPU, 1000)
    assert predict(config, slow).ms == predict(config, CPU).ms
    assert predict(replace(config, layers=48), slow).ms > 100 * predict(replace(config, layers=48), CPU).ms


@pytest.mark.parametrize(
    ("constants", "config", "batch", "limit"),
    [
        (CPU, ModelConfig(depth=6, layers=24), 16, "arithmetic"),
        (CPU, ModelConfig(depth=1, layers=24, width=768, heads=12), 1, "bytes"),
        (CPU, ModelConfig(depth=1, layers=1), 1, "launches"),
        (GPU, ModelConfig(depth=6, layers=24), 1, "launches"),
    ],
)
def test_the_limit_is_the_one_expected_of(constants, config, batch, limit):
    assert predict(config, constants, batch).limit == limit


def test_on_a_gpu_time_hardly_grows_with_branches_and_grows_with_depth():
    """The paper's claim, where launches are the limit; a serial network of as many layers is slower by most of n/m."""
    ms = {(m, n): predict(ModelConfig(depth=m, layers=n), GPU).ms for m, n in ((1, 1), (1, 24), (6, 24), (24, 24))}
    assert ms[1, 24] < 1.5 * ms[1, 1]
    assert ms[1, 24] < ms[6, 24] / 3 < ms[24, 24] / 6
    assert predict(ModelConfig(depth=1, layers=24), GPU, way="serial").ms > 8 * ms[1, 24]


@pytest.mark.parametrize("constants", [CPU, GPU])
@pytest.mark.parametrize("budget", [0.05, 1.0, 10.0, 100.0])
def test_what_fits_is_under_the_budget_and_the_next_larger_is_not(constants, budget):
    sizes = ModelConfig(width=96, image_size=32)
    candidates = fit(budget, sizes, constants)
    for candidate in candidates:
        config = candidate.config
        assert candidate.prepared.ms <= budget
        assert config.layers == MOST_LAYERS or (
            predict(replace(config, layers=config.layers + config.depth), constants).ms > budget
        )
        assert replace(config, depth=1, layers=1) == replace(sizes, depth=1, layers=1)
        assert candidate.serial == predict(config, constants, way="serial")
    left_out = set(DEPTHS) - {candidate.config.depth for candidate in candidates}
    assert all(predict(replace(sizes, depth=m, layers=m), constants).ms > budget for m in left_out)


def test_more_layers_come_first_then_more_depth():
    order = [(c.config.layers, c.config.depth) for c in fit(1e9, ModelConfig(), CPU)]
    assert order == [(48, depth) for depth in reversed(DEPTHS)]
    order = [(c.config.layers, c.config.depth) for c in fit(10.0, ModelConfig(), CPU)]
    assert order == sorted(order, reverse=True)


def test_impossible_questions_are_refused():
    with pytest.raises(InputError, match="batch: expected at least 1, found 0"):
        predict(ModelConfig(), CPU, batch=0)
    for budget in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="budget_ms: expected a number above 0"):
            fit(budget, ModelConfig(), CPU)


def test_passes_over_more_than_the_cache_holds_go_at_the_rate_of_the_memory():
    instant = {name: ((1, 1e30),) for name in ("batched_rate", "single_rate", "attention_rate")}
    only = replace(CPU, **instant, function_rate=1e30, cache_rate=1e30, packing_rate=1e30, launch_cost=1e-30)
    config = ModelConfig(depth=2, layers=4, pool="mean")
    moved = sum(step.times * step.moved for step in work(config, 8, "serial", only))
    assert predict(config, replace(only, cache_bytes=2.0**40), 8, "serial").ms < 1e-9
    found = predict(config, replace(only, cache_bytes=1.0), 8, "serial").ms
    assert found == pytest.approx(1e3 * 4 * moved / CPU.memory_rate)


@pytest.mark.parametrize(
    ("constants", "rows", "both"), [(CPU, 1, False), (CPU, 2, True), (GPU, 1, False), (GPU, 64, False)]
)
def test_reading_is_free_behind_longer_arithmetic_where_the_two_overlap(constants, rows, both):
    costs = _costs(product("part", 1, rows, 512, 512), constants, cached=False)
    assert (min(costs["arithmetic"], costs["bytes"]) > 0) == both


@pytest.mark.parametrize(
    ("rows", "rate"), [(2, "memory_rate"), (FEW_ROWS, "memory_rate"), (FEW_ROWS + 1, "packing_rate")]
)
def test_weights_of_few_rows_are_read_as_they_lie(rows, rate):
    costs = _costs(product("part", 1, rows, 512, 512), CPU, cached=False)
    assert costs["bytes"] == pytest.approx(4 * 512**2 / getattr(CPU, rate))


def test_weights_of_more_than_half_the_cache_are_read_from_the_memory():
    config = ModelConfig(depth=1, layers=6)
    nbytes = 4.0 * weights(work(config, 1, "prepared", CPU))
    for share, read in ((0.45, False), (0.55, True)):
        fast = replace(CPU, cache_bytes=nbytes / share)
        slow = replace(fast, memory_rate=fast.memory_rate / 100)
        assert (predict(config, slow).ms > predict(config, fast).ms) == read


def test_a_gpu_computes_fewer_tiles_than_it_has_processors_in_the_time_of_one_round():
    one, round_, two = (
        _costs(product("part", count, TILE, TILE, TILE), GPU, cached=True)["arithmetic"] for count in (1, 132, 264)
    )
    assert one == round_ > 0 and two == pytest.approx(2 * round_)


def test_what_fits_is_predicted_for_the_batch_asked_for():
    (candidate, *_) = fit(50.0, ModelConfig(), CPU, batch=16)
    assert candidate.prepared == predict(candidate.config, CPU, 16)
    assert candidate.serial == predict(candidate.config, CPU, 16, "serial")


@pytest.mark.parametrize("sizes", [(TILE + 1, TILE, TILE), (TILE, TILE, TILE + 1)])
def test_a_tile_that_is_begun_is_computed_whole(sizes):
    one, more = (
        _costs(product("part", 132, *each), GPU, cached=True)["arithmetic"] for each in ((TILE, TILE, TILE), sizes)
    )
    assert more == pytest.approx(2 * one)

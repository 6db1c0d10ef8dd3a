"""Suites hold the points that the claims are about, each once, and name only what exists."""

from collections import Counter
from dataclasses import replace

import pytest

from para_former.bench.contenders import CONTENDERS
from para_former.bench.points import Point, flops
from para_former.bench.suites import SUITES, merged
from para_former.models import ModelConfig


def settings_of(suite):
    return {tuple(point.setting.items()) for point in SUITES[suite]()}


@pytest.mark.parametrize("suite", SUITES)
def test_every_point_is_there_once_and_can_be_built(suite):
    points = SUITES[suite]()
    assert len(points) == len(settings_of(suite)) > 0
    for point in points:
        assert set(point.contenders) <= set(CONTENDERS) and point.baseline in point.contenders
        assert max(Counter(point.contenders).values()) == 1
        assert point.config.tokens in ((65, 197) if point.pool == "cls" else (64, 196))
        assert point.config.heads * 64 == point.width


def test_the_claims_on_a_cpu_have_their_points():
    wanted = [
        Point(depth=depth, batch=batch, image_size=size, patch_size=patch)
        for depth in (1, 2, 3, 6)
        for batch, size, patch in ((1, 32, 4), (1, 224, 16), (16, 32, 4), (64, 32, 4))
    ]
    wanted += [Point(layers=layers) for layers in (1, 2, 6, 12, 24, 48)]
    wanted += [Point(batch=batch) for batch in (1, 2, 4, 8, 16, 32, 64)]
    wanted += [Point(depth=depth) for depth in (1, 2, 3, 4, 6, 8, 12, 24)]
    wanted += [Point(width=768), Point(width=768, batch=16), Point(width=768, image_size=224, patch_size=16)]
    wanted += [Point(pool="mean"), Point(depth=6, width=384), Point(depth=6, width=768)]
    wanted += [Point(batch=128, mode="training")]
    assert settings_of("cpu") >= {tuple(point.setting.items()) for point in wanted}
    by_setting = {tuple(point.setting.items()): point for point in SUITES["cpu"]()}
    peers = by_setting[tuple(Point().setting.items())].contenders
    assert set(CONTENDERS) - set(peers) == {"serial-graph", "stacked-compiled", "prepared-fused"}


def test_points_on_a_gpu_are_in_bfloat16_and_compare_with_graphs():
    for point in SUITES["gpu"]():
        assert point.dtype == "bfloat16"
        assert point.mode == "training" or {"serial", "serial-graph", "prepared"} <= set(point.contenders)


def test_kernels_for_few_images_are_timed_where_they_compute():
    """They are compared with both graphs of the serial network, at depth 1 and deeper."""
    fused = [point for point in SUITES["gpu"]() if "prepared-fused" in point.contenders]
    assert {point.depth for point in fused} == {1, 2, 3, 6}
    assert {(point.pool, point.batch) for point in fused} == {("cls", 1)}
    compared = [point for point in fused if "serial-compiled" in point.contenders]
    assert {point.config.tokens for point in compared} == {65, 197}


def test_the_grid_begins_with_its_cheapest_point():
    costs = [point.batch * flops(point.config) for point in SUITES["grid"]()]
    assert costs == sorted(costs)


def test_merging_keeps_every_contender_of_a_setting():
    one, other = Point(contenders=("serial", "loop")), Point(contenders=("serial", "prepared"))
    assert merged([one, replace(one, batch=2), other]) == [
        replace(one, contenders=("serial", "loop", "prepared")),
        replace(one, batch=2),
    ]


def test_operations_of_one_layer_of_one_head_by_hand():
    """3 tokens of width 2, MLP of 4: QKV and output 4 * 3*2*2, MLP 2 * 3*2*4, attention 2 * 3*3*2, all doubled."""
    config = ModelConfig(layers=1, image_size=2, patch_size=1, width=2, heads=1, mlp_ratio=2.0, pool="mean")
    tokens = config.tokens
    assert tokens == 4
    assert flops(config) == 2 * (4 * tokens * 2 * 2 + 2 * tokens * 2 * 4 + 2 * tokens * tokens * 2)

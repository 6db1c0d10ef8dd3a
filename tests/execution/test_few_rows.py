"""Weights of few rows stand on one side of a product or the other: the same numbers, and the clock says which side."""

import pytest
import torch

import para_former as pf
from para_former.execution import calibration
from para_former.execution.frozen import FEW_ROWS, batched
from tests.networks import images_for, small_network


def clocked(slow: str, monkeypatch) -> int:
    """What is measured where products with the weights on the side `slow` take a hundred times as long."""
    now = 0.0

    def product(x, weight, bias, few_rows):
        nonlocal now
        now += 100.0 if (few_rows > 0) == (slow == "left") else 1.0

    monkeypatch.setattr(calibration, "batched", product)
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: now)
    return calibration.measure_few_rows.__wrapped__(1, torch.float32)


def test_weights_stand_on_the_side_that_was_faster(monkeypatch):
    assert clocked("left", monkeypatch) == 0
    assert clocked("right", monkeypatch) == FEW_ROWS


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1])
def test_both_sides_give_the_same_product_in_plain_order(rows):
    torch.manual_seed(0)
    x, weight, bias = (torch.randn(shape, dtype=torch.float64) for shape in ((3, rows, 4), (3, 5, 4), (3, 5)))
    left, right = (batched(x, weight, bias, few_rows) for few_rows in (FEW_ROWS, 0))
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(left, torch.einsum("jri,joi->jro", x, weight) + bias[:, None])
    assert left.is_contiguous() and right.is_contiguous()


def test_it_is_measured_once_for_each_number_format_and_not_in_a_call(monkeypatch):
    asked = []
    monkeypatch.setattr("para_former.execution.prepared.measure_few_rows", lambda *key: asked.append(key) or FEW_ROWS)
    model = small_network(torch.float32, depth=1)
    network = pf.prepare(model)
    network(images_for(model))
    network.to(torch.bfloat16)
    assert [dtype for _, dtype in asked] == [torch.float32, torch.bfloat16]
    assert network.last.few_rows == FEW_ROWS
    network.to("meta")
    assert network.last.few_rows == 0  # not a CPU: a product's own copy would be one more kernel


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_weights_lie_in_memory_as_their_products_read_them(pool):
    model = small_network(depth=2, pool=pool)
    images, last = images_for(model), (network := pf.prepare(model)).last
    expected = pf.reference(model, images)
    for few_rows in (FEW_ROWS, 0, FEW_ROWS):
        last.arrange(few_rows, in_first=() if few_rows else last.row_weights)
        torch.testing.assert_close(network(images), expected)
        for name in last.row_weights:  # all of them, at this depth
            weight = getattr(last, name)
            assert (weight if few_rows else weight.mT).is_contiguous(), name


@pytest.mark.parametrize("measure", [calibration.measure_few_rows, calibration.measure_block_limits])
def test_autocast_around_it_changes_nothing_of_what_is_measured(measure, monkeypatch):
    formats = set()

    def noting(product):
        def noted(*given):
            result = product(*given)
            formats.add(result.dtype)
            return result

        return noted

    for name in ("batched", "branch_linear"):
        monkeypatch.setattr(calibration, name, noting(getattr(calibration, name)))
    with torch.autocast("cpu", torch.bfloat16):
        measure.__wrapped__(1, torch.float32)
    assert formats == {torch.float32}

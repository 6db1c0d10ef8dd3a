"""Dropout is what PyTorch's is, though four numbers share their random bits on a CPU."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.models.layers import dropout, normalize
from tests.networks import images_for, small_network

COUNT = 400_000


@settings(max_examples=30)
@given(rate=st.floats(0.02, 0.98), dtype=st.sampled_from([torch.bfloat16, torch.float32, torch.float64]))
def test_zeroes_with_the_given_probability_and_divides_the_others_by_what_is_left(rate, dtype):
    torch.manual_seed(0)
    dropped = dropout(torch.full((COUNT,), 3.0, dtype=dtype), rate, training=True)
    assert dropped.dtype == dtype
    zeros = (dropped == 0).double()
    assert zeros.mean().item() == pytest.approx(rate, abs=6 * (rate * (1 - rate) / COUNT) ** 0.5 + 2**-16)
    kept = dropped[dropped != 0].double()
    assert kept.min() == kept.max()
    kept_share = 1 - round(rate * 2**16) / 2**16  # exact, so that the mean over all draws is what was given
    assert kept[0].item() == pytest.approx(3 / kept_share, rel=2 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8])
def test_numbers_that_share_random_bits_are_dropped_independently(lag):
    torch.manual_seed(0)
    zeros = (dropout(torch.ones(COUNT), 0.3, training=True) == 0).double()
    both = (zeros[lag:] * zeros[:-lag]).mean().item()
    assert both == pytest.approx(0.09, abs=6 * (0.09 * 0.91 / COUNT) ** 0.5 * 1.5)
    for place in range(4):
        assert zeros[place::4].mean().item() == pytest.approx(0.3, abs=6 * (0.21 * 4 / COUNT) ** 0.5)


@given(st.lists(st.integers(0, 5), min_size=0, max_size=4), st.integers(0, 2**32))
def test_any_shape_any_seed_the_same_draw_from_the_same_seed(shape, seed):
    def draw() -> torch.Tensor:
        torch.manual_seed(seed)
        return dropout(torch.ones(shape), 0.5, training=True)

    assert draw().shape == torch.Size(shape)
    torch.testing.assert_close(draw(), draw(), rtol=0, atol=0)


def test_gradients_pass_where_numbers_do():
    x = torch.randn(1000, dtype=torch.float64, requires_grad=True)
    dropped = dropout(x, 0.25, training=True)
    dropped.sum().backward()
    torch.testing.assert_close(x.grad, dropped.detach() / x.detach())
    assert 0 < (x.grad == 0).sum() < 1000


@pytest.mark.parametrize("rate", [1e-9, 1 - 1e-9])
def test_the_rarest_rates_leave_finite_numbers(rate):
    assert dropout(torch.ones(1000), rate, training=True).isfinite().all()


def test_is_traced_into_the_one_graph_of_a_compiled_network(no_shape_checks):
    model = small_network(layers=4, depth=2, dropout=0.5, attention_dropout=0.5).train()
    images = images_for(model)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert (compiled(images) - compiled(images)).abs().max() > 1e-3


def test_changes_nothing_outside_of_training():
    x = torch.randn(10)
    assert torch.equal(dropout(x, 0.5, training=False), x)
    assert torch.equal(dropout(x, 0.0, training=True), x)


def test_dropout_acts_after_the_positions_and_on_the_hidden_units():
    model = small_network(dropout=0.5)
    images, (level,) = images_for(model), model.levels
    x_hat = normalize(model.embed(images)[None])
    model.train()
    for part, draw in {"positions": lambda: model.embed(images), "MLP": lambda: level.mlp(x_hat, level.norm2)}.items():
        assert (draw() - draw()).abs().max() > 1e-3, part


def test_dropout_acts_on_what_attention_and_the_mlp_add():
    """Where both sums dropped a number, a quarter of all at one half each, it passes as it was."""
    (level,), x = small_network(dropout=0.5).levels, torch.randn(1, 64, 5, 24, dtype=torch.float64)
    assert (level.train()(x) == x).double().mean().item() == pytest.approx(0.25, abs=0.01)

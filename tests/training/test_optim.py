"""The schedule has the shape its formula says; weight decay reaches the weights of products and nothing else."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from para_former.data import SPECS
from para_former.models import ParaFormer
from para_former.models.layers import BranchLinear
from para_former.training.optim import average_decay, build_optimizer, learning_rate
from tests.training.helpers import tiny_run

peaks = st.floats(1e-6, 10)
warmups = st.integers(0, 60)
decays = st.integers(1, 300)  # steps after the warm-up


def schedule(peak, warmup, decay):
    return [
        learning_rate(step, peak=peak, warmup=warmup, total=warmup + decay, schedule="cosine")
        for step in range(warmup + decay + 1)
    ]


@given(peaks, warmups, decays)
def test_warm_up_is_a_line_through_zero_that_ends_at_the_peak(peak, warmup, decay):
    rates = schedule(peak, warmup, decay)
    assert rates[:warmup] == pytest.approx([peak * (step + 1) / warmup for step in range(warmup)])
    assert max(rates) == pytest.approx(peak)
    assert rates[warmup] == pytest.approx(peak)


@given(peaks, warmups, decays)
def test_decay_never_rises_and_ends_near_zero(peak, warmup, decay):
    rates = schedule(peak, warmup, decay)
    falling = rates[warmup:]
    assert falling == sorted(falling, reverse=True)
    assert min(rates) >= 0
    assert rates[-2] <= peak * (math.pi / decay) ** 2 / 4 * (1 + 1e-9)  # the last step: 1 - cos(x) <= x^2 / 2
    assert rates[-1] == pytest.approx(0, abs=1e-12)


@given(peaks, warmups, decays)
def test_rate_never_jumps(peak, warmup, decay):
    rates = schedule(peak, warmup, decay)
    largest = peak * max(1 / max(1, warmup), math.pi / (2 * decay)) * (1 + 1e-9)
    assert all(abs(after - before) <= largest for before, after in zip(rates, rates[1:], strict=False))


@given(st.floats(0.5, 0.9999))
def test_the_decay_of_the_average_rises_from_few_steps_to_its_own(most):
    decays = [average_decay(updates, most=most) for updates in range(200)]
    assert decays == sorted(decays) and decays[0] == 0.1
    assert all(1 / (1 - decay) <= 2 + updates / 9 for updates, decay in enumerate(decays))  # steps that count
    assert average_decay(10**6, most=most) == most


@given(peaks, warmups, decays)
def test_a_constant_rate_stays_at_the_peak(peak, warmup, decay):
    for step in range(warmup, warmup + decay):
        assert learning_rate(step, peak=peak, warmup=warmup, total=warmup + decay, schedule="constant") == peak


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_every_optimiser_lowers_the_loss_and_knows_its_groups(name):
    model, config = network(), tiny_run(optimizer=name, lr=1e-2)
    optimizer = build_optimizer(model, config)
    images, labels = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    losses = []
    for _ in range(10):
        losses.append(nn.functional.cross_entropy(model.eval()(images), labels))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < losses[0] - 0.01


def network(**fields):
    return ParaFormer(tiny_run(**fields).network(SPECS["digits"]))


@pytest.mark.parametrize("fields", [{}, {"pool": "mean"}, {"stem": "conv"}])
def test_decay_reaches_the_weights_of_products_and_nothing_else(fields):
    model = network(**fields)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, plain = (
        {names[id(parameter)] for parameter in group["params"]}
        for group in build_optimizer(model, tiny_run(weight_decay=0.3)).param_groups
    )
    products = {
        f"{name}.weight"
        for name, part in model.named_modules()
        if isinstance(part, BranchLinear | nn.Linear | nn.Conv2d)
    }
    assert decayed == products
    assert plain == set(names.values()) - products
    stacked = {name for name, parameter in model.named_parameters() if name.endswith("bias") and parameter.ndim == 2}
    assert stacked and stacked <= plain  # two axes, but one of them counts branches


def test_every_parameter_is_optimised_exactly_once():
    model = network()
    groups = build_optimizer(model, tiny_run()).param_groups
    optimised = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(optimised) == sorted(id(parameter) for parameter in model.parameters())


def test_without_a_gradient_decayed_weights_shrink_and_all_else_stays():
    model, config = network(), tiny_run(lr=0.1, weight_decay=0.3)
    optimizer = build_optimizer(model, config)
    decayed = {id(parameter) for parameter in optimizer.param_groups[0]["params"]}
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        factor = 1 - config.lr * config.weight_decay if id(parameter) in decayed else 1
        torch.testing.assert_close(parameter.detach(), factor * before[name], msg=name)


def step_with(optimizer, model, gradient):
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    return [(old - new).detach() for old, new in zip(before, model.parameters(), strict=True)]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_overflow_in_the_first_step_leaves_nothing_behind(name):
    """A step left out for infinite gradients leaves zeros in the optimiser's memory, not whatever lay there."""
    gradients, found = [1.0, 2.0], []
    for first in ([], [math.inf]):
        torch.manual_seed(0)
        model = network()
        optimizer = build_optimizer(model, tiny_run(optimizer=name, lr=0.1, precision="fp16", weight_decay=0.0))
        scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
        for gradient in (*first, *gradients):
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, gradient)
            scaler.scale(torch.zeros(()))  # it wants to have seen a loss
            scaler.step(optimizer)
            scaler.update(1.0)
        found.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(found[0], found[1])


def test_sgd_keeps_nine_tenths_of_its_last_step():
    model = network()
    optimizer = build_optimizer(model, tiny_run(optimizer="sgd", lr=0.1, weight_decay=0.0))
    first, second = (step_with(optimizer, model, 1.0) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        torch.testing.assert_close(one, torch.full_like(one, 0.1), rtol=0, atol=1e-5)
        torch.testing.assert_close(two, torch.full_like(two, 0.19), rtol=0, atol=1e-5)


def test_adams_weight_decay_is_a_gradient_of_its_own():
    """Its first step is the rate in the direction of the penalty, whatever the weight; AdamW's is a share of it."""
    model = network()
    optimizer = build_optimizer(model, tiny_run(optimizer="adam", lr=1e-3, weight_decay=0.3))
    weight, before = model.head.weight, model.head.weight.detach().clone()
    step_with(optimizer, model, 0.0)
    torch.testing.assert_close(before - weight.detach(), 1e-3 * before.sign(), rtol=0.05, atol=1e-6)

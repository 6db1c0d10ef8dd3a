"""The default forward against the plain loop: same outputs, same gradients, for every shape and option."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former import reference
from tests.networks import images_for, network_fields, small_network

TOLERANCE = 1e-10  # float64

OPTIONS = [
    (depth, pool, merge, residual)
    for depth in (1, 2, 3, 6)
    for pool in ("cls", "mean")
    for merge in ("sum", "mean", "residual")
    for residual in ("standard", "normed")
]


def largest_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """max |found - expected| over max(1, max |expected|)."""
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def numbers_of(model):
    """Parameters and statistics by name: everything that decides the logits."""
    statistics = [pair for pair in model.named_buffers() if pair[1].is_floating_point()]
    return [*model.named_parameters(), *statistics]


def outputs_and_gradients(function, model, images):
    """Logits, then gradients of their squared sum by every parameter and by the images."""
    images = images.clone().requires_grad_()
    logits = function(images)
    inputs = dict(model.named_parameters()) | {"images": images}
    gradients = torch.autograd.grad(logits.square().sum(), list(inputs.values()))
    return {"logits": logits.detach(), **dict(zip(inputs, gradients, strict=True))}


@pytest.mark.parametrize(("depth", "pool", "merge", "residual"), OPTIONS)
def test_forward_equals_the_loop_in_outputs_and_gradients(depth, pool, merge, residual):
    model = small_network(depth=depth, pool=pool, merge=merge, residual=residual)
    images = images_for(model)
    found = outputs_and_gradients(model, model, images)
    expected = outputs_and_gradients(lambda x: reference(model, x), model, images)
    for name in expected:
        assert largest_error(found[name], expected[name]) < TOLERANCE, name


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("depth", [1, 2])
def test_forward_equals_the_loop_behind_a_convolutional_stem(depth, pool):
    model = small_network(depth=depth, pool=pool, stem="conv", image_size=(8, 16))
    images = images_for(model)
    found = outputs_and_gradients(model, model, images)
    expected = outputs_and_gradients(lambda x: reference(model, x), model, images)
    for name in expected:
        assert largest_error(found[name], expected[name]) < TOLERANCE, name


@pytest.mark.parametrize("fields", [{"pool": "cls"}, {"pool": "mean"}, {"stem": "conv", "image_size": 16}])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_comparison_can_fail(depth, fields):
    model = small_network(depth=depth, **fields)
    images = images_for(model)
    expected = reference(model, images)
    for name, numbers in numbers_of(model):
        with torch.no_grad():
            before = numbers.clone()
            numbers.flatten()[-1] += 1e-3
        error = largest_error(model(images), expected)
        with torch.no_grad():
            numbers.copy_(before)
        assert error > TOLERANCE, name


def test_key_biases_alone_change_nothing():
    """q . b_k is the same for every token, so softmax ignores it; the test above moves the last entry, a value's."""
    model = small_network()
    images = images_for(model)
    before = model(images)
    with torch.no_grad():
        model.levels[0].attn.qkv.bias.unflatten(1, (3, -1))[:, 1] += 1.0
    assert largest_error(model(images), before) < TOLERANCE


@pytest.mark.parametrize("depth", [1, 2])
def test_training_mode_without_chance_is_the_same_function(depth):
    model = small_network(depth=depth).train()
    images = images_for(model)
    assert largest_error(model(images), reference(model, images)) < TOLERANCE


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_the_head_of_all_features_is_the_forward(pool):
    model = small_network(depth=2, pool=pool)
    images = images_for(model)
    features = model.forward_features(images)
    assert features.shape == (3, model.config.tokens, model.config.width)
    assert largest_error(model.forward_head(features), model(images)) < TOLERANCE


def test_gradient_checkpointing_changes_no_gradient():
    model = small_network(depth=3).train()
    images = images_for(model)
    plain = outputs_and_gradients(model, model, images)
    model.set_grad_checkpointing()
    recomputed = outputs_and_gradients(model, model, images)
    for name in plain:
        torch.testing.assert_close(recomputed[name], plain[name], rtol=0, atol=0)


@settings(max_examples=25)
@given(network_fields(), st.integers(1, 4))
def test_any_shape_equals_the_loop(fields, batch):
    model = small_network(**fields)
    images = images_for(model, batch)
    assert largest_error(model(images), reference(model, images)) < TOLERANCE


@pytest.mark.parametrize(("depth", "stem"), [(1, "patch"), (3, "patch"), (1, "conv")])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_low_precision_stays_near(depth, stem, dtype, tolerance):
    model = small_network(depth=depth, stem=stem)
    for parameter in model.parameters():
        parameter.data *= 0.5
    images = images_for(model)
    expected = reference(model, images)
    found = model.to(dtype)(images.to(dtype)).double()
    assert ((found - expected).abs().max() / expected.abs().max()).item() < tolerance

"""The form of Eq. 8, Eq. 9 and deeper is the network: for every shape and option, and for no other parameters."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former import InputError, reference, theory
from tests.execution.test_reference import OPTIONS, TOLERANCE, largest_error
from tests.networks import images_for, network_fields, small_network


def trained_a_little(**fields):
    """A few steps of Adam on random labels: weights that training has moved together."""
    model = small_network(**fields).train()
    images, labels = images_for(model, 16), torch.arange(16) % 5
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(10):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize(("depth", "pool", "merge", "residual"), OPTIONS)
def test_the_form_is_the_network(depth, pool, merge, residual):
    model = small_network(depth=depth, pool=pool, merge=merge, residual=residual)
    images = images_for(model)
    form, expected = theory.decompose(model, images), reference(model, images).detach()
    assert len(form.terms) == depth
    assert largest_error(form.reconstruct(), expected) < TOLERANCE
    assert largest_error(form.in_pixels(model.embed, images).reconstruct(), expected) < TOLERANCE


@pytest.mark.parametrize(("depth", "pool", "merge", "residual"), OPTIONS)
def test_the_form_of_a_branch_is_what_it_gives_the_merge(depth, pool, merge, residual):
    """Not only the logits: the last norm takes away a number that is added to all of a token."""
    model = small_network(depth=depth, pool=pool, merge=merge, residual=residual)
    images = images_for(model)
    with torch.no_grad():
        x, inputs = model.forward_branches(images, read_out_only=pool == "cls")
    b = len(x)
    expected = {"sum": x, "mean": x / b, "residual": x - (b - 1) / b * inputs}[merge]
    assert largest_error(theory.decompose(model, images).branches(), expected) < TOLERANCE


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_the_form_is_the_trained_network(depth):
    model = trained_a_little(depth=depth)
    images = images_for(model)
    assert largest_error(theory.decompose(model, images).reconstruct(), model(images).detach()) < TOLERANCE


@settings(max_examples=25)
@given(network_fields(most_branches=3), st.integers(1, 3))
def test_any_shape(fields, batch):
    model = small_network(**fields)
    config = model.config
    images = images_for(model, batch)
    found = theory.decompose(model, images)
    assert largest_error(found.reconstruct(), reference(model, images).detach()) < TOLERANCE
    rows = 1 if config.pool == "cls" else config.tokens
    units = config.branches * config.mlp_width * (config.tokens * (config.depth - 1) + rows)
    assert found.units == units


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("residual", ["standard", "normed"])
@pytest.mark.parametrize("depth", [1, 2])
def test_another_parameter_makes_it_fail(depth, pool, residual):
    """The last number of each tensor: a key's bias, in the middle of one, drops out of the softmax on both sides."""
    model = small_network(depth=depth, pool=pool, residual=residual)
    images = images_for(model)
    found = theory.decompose(model, images).reconstruct()
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            before = parameter.clone()
            parameter.flatten()[-1] += 1e-3
        error = largest_error(found, model(images).detach())
        with torch.no_grad():
            parameter.copy_(before)
        assert error > TOLERANCE, name


def test_the_form_of_one_image_is_not_that_of_another():
    """What varies does: W, theta, L of image 0 applied to image 1 give other logits."""
    model = small_network(depth=2)
    one, other = images_for(model, 2).split(1)
    form = theory.decompose(model, one)
    moved = theory.Decomposition(theory.decompose(model, other).inputs, form.affine, form.terms, form.read_out)
    assert largest_error(moved.reconstruct(), model(other).detach()) > 1e-3


@pytest.mark.parametrize(("depth", "residual"), [(1, "standard"), (2, "standard"), (1, "normed"), (2, "normed")])
def test_flags_say_what_moves_with_the_image(depth, residual):
    """A flag is up exactly where two images give different numbers; matrices are compared whole."""
    model = small_network(depth=depth, residual=residual, pool="mean", heads=2, width=8)
    form = theory.decompose(model, images_for(model, 2))

    def moves(values):
        values = values.expand(-1, 2, *values.shape[2:]) if values.shape[1] == 1 else values
        return bool((values[:, 0] - values[:, 1]).abs().max() > 1e-9)

    flags = [(form.affine.linear.varies, form.affine.linear.dense())]
    flags += [(form.affine.constant_varies, form.affine.constant)]
    for term in form.terms:
        flags += [(term.weight.varies, term.weight.dense()), (term.theta_varies, term.theta)]
        flags += [(term.alpha.varies, term.alpha.dense())]
    assert [flag for flag, _ in flags] == [moves(values) for _, values in flags]
    assert {flag for flag, _ in flags} == {True, False}


def test_logit_shares_of_branches_add_up_to_the_logits():
    model = small_network(depth=2, merge="mean")
    images = images_for(model)
    form = theory.decompose(model, images)
    shares = form.logit_shares(form.branches())
    assert shares.shape == (3, 3, 5)
    assert largest_error(shares.sum(0) + form.read_out.constant[0], model(images).detach()) < TOLERANCE


def test_at_depth_one_the_class_token_asks_with_a_constant_query():
    """Scores are then a fixed template per head against each token by itself: moving one patch moves one score."""
    model = small_network()
    images = images_for(model, 1).repeat(2, 1, 1, 1)
    images[1, :, :4, :4] += 1.0  # the first patch: token 1
    scores = theory.coefficients.coefficients(model, images).levels[0].attention.log()
    change = (scores[:, 1] - scores[:, 0])[:, :, 0]
    others = torch.cat([change[..., :1], change[..., 2:]], dim=-1)
    assert (others - others[..., :1]).abs().max() < 1e-12  # all by the same normaliser
    assert (change[..., 1] - change[..., 0]).abs().max() > 1e-3


def test_a_network_in_training_mode_has_no_one_form():
    with pytest.raises(InputError, match="evaluation mode"):
        theory.decompose(small_network().train(), torch.zeros(1, 3, 8, 8, dtype=torch.float64))

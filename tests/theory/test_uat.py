"""Eq. 1: the module is the formula, least squares is least squares, and more terms bring the error down."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.theory.targets import targets
from para_former.theory.uat import SIGMAS, Approximator, error_against_terms, fit, relative_error, slope

small = st.integers(1, 5)


@settings(max_examples=20)
@given(small, small, small, small, st.sampled_from(list(SIGMAS)))
def test_the_module_is_equation_1(inputs, outputs, terms, points, sigma):
    model, x = Approximator(inputs, outputs, terms, sigma), torch.randn(points, inputs, dtype=torch.float64)
    torch.nn.init.normal_(model.alpha)
    expected = sum(SIGMAS[sigma](x @ model.weight[j] + model.theta[j])[:, None] * model.alpha[j] for j in range(terms))
    torch.testing.assert_close(model(x), expected)


def test_alpha_is_found_when_the_function_is_a_sum_of_these_terms():
    truth = Approximator(2, 3, 8, seed=5)
    torch.nn.init.normal_(truth.alpha)
    x = torch.randn(400, 2, dtype=torch.float64)
    model = Approximator(2, 3, 8, seed=5)
    fit(model, x, truth(x).detach(), "output")
    assert relative_error(model, x, truth(x).detach())[0] < 1e-4


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_more_terms_bring_the_error_down(target):
    found = error_against_terms(target.points, target.check, [2, 8, 32], seeds=2, how="output")
    few, _, many = (sum(row) for row in found["error"])
    assert many < few and found["rate"] < -0.1


def test_training_all_parameters_is_never_worse_than_the_output_alone():
    points = targets()[2].points
    found = [error_against_terms(points, points, [4, 8], 1, how, steps=30)["error"] for how in ("output", "all")]
    assert all(trained[0] <= drawn[0] for drawn, trained in zip(*found, strict=True))


def test_the_rate_of_a_power_law_is_its_exponent():
    assert slope([1, 4, 16], [1.0, 0.5, 0.25]) == pytest.approx(-0.5)

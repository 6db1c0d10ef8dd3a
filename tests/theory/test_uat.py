"""Eq. 1: the module is the formula, least squares is least squares, and more terms bring the error down."""

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.theory import uat
from para_former.theory.targets import targets
from para_former.theory.uat import Approximator, error_against_terms, fit, relative_error, slope

small = st.integers(1, 5)


@settings(max_examples=20)
@given(small, small, small, small)
def test_the_module_is_equation_1(inputs, outputs, terms, points):
    model, x = Approximator(inputs, outputs, terms), torch.randn(points, inputs, dtype=torch.float64)
    torch.nn.init.normal_(model.alpha)
    expected = sum(torch.sigmoid(x @ model.weight[j] + model.theta[j])[:, None] * model.alpha[j] for j in range(terms))
    torch.testing.assert_close(model(x), expected)


def test_alpha_is_found_when_the_function_is_a_sum_of_these_terms():
    truth = Approximator(2, 3, 8, seed=5)
    torch.nn.init.normal_(truth.alpha)
    x = torch.randn(400, 2, dtype=torch.float64)
    model = Approximator(2, 3, 8, seed=5)
    fit(model, x, truth(x).detach(), "output")
    assert relative_error(model, x, truth(x).detach()) < 1e-4


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_more_terms_bring_the_error_down(target):
    found = error_against_terms(target.points, target.check, [2, 8, 32], seeds=2, how="output")
    few, _, many = (sum(row) for row in found["error"])
    assert many < few and found["rate"] < -0.1


@pytest.mark.parametrize(("target", "rate"), [(2, uat.RATE), (0, 50.0)])
def test_training_all_parameters_is_never_worse_than_the_output_alone(monkeypatch, target, rate):
    """Steps that lead away leave the best that was seen."""
    monkeypatch.setattr(uat, "RATE", rate)
    points = targets()[target].points
    found = [error_against_terms(points, points, [4, 8], 1, how, steps=30)["error"] for how in ("output", "all")]
    assert all(trained <= drawn for drawn, trained in zip(*found, strict=True))


def test_the_rate_of_a_power_law_is_its_exponent():
    assert slope([1, 4, 16], [1.0, 0.5, 0.25]) == pytest.approx(-0.5)


def test_the_rate_is_that_of_the_median_and_seeds_are_fits_of_their_own():
    wave = targets()[0]
    found = error_against_terms(wave.points, wave.check, [2, 8, 32], seeds=3, how="output")
    assert all(len(set(row)) == 3 for row in found["error"])
    assert found["rate"] == pytest.approx(slope(found["terms"], [statistics.median(row) for row in found["error"]]))
    slopes = [slope(found["terms"], errors) for errors in zip(*found["error"], strict=True)]
    assert (found["rate_low"], found["rate_high"]) == pytest.approx((min(slopes), max(slopes)))


def test_a_relative_error_is_one_of_what_varies():
    """A constant is no part of the size of a function."""
    x = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
    nothing = Approximator(1, 1, 2)
    assert relative_error(nothing, x, x) == pytest.approx(1)
    assert relative_error(nothing, x, x + 5) == pytest.approx((1 + 25 / x.square().mean().item()) ** 0.5)


@pytest.mark.parametrize("target", targets()[:3], ids=lambda target: target.name)
def test_a_function_is_judged_between_the_points_it_is_fitted_at(target):
    fitted, judged = ({tuple(point) for point in each[0].tolist()} for each in (target.points, target.check))
    assert fitted and judged and not fitted & judged

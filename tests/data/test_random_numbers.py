"""Random numbers equal a plain splitmix64, Beta numbers scipy's distribution, and neither depends on the batch."""

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import uniform
from para_former.data.random_numbers import beta

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
ANY_INT = st.integers(-(2**70), 2**70)
INDICES = st.lists(st.integers(0, 2**40), min_size=1, max_size=8)


def mix(bits):
    """splitmix64's output function, in Python's unbounded integers."""
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return bits ^ (bits >> 31)


def test_the_oracle_is_splitmix64():
    assert mix(GAMMA) == 0xE220A8397B1DCDAF  # the published first number of seed 0


@given(seed=ANY_INT, epoch=ANY_INT, indices=INDICES, count=st.integers(1, 5))
@settings(deadline=None)
def test_uniform_equals_the_formula(seed, epoch, indices, count):
    key = mix((mix(seed & MASK) + epoch) & MASK)
    streams = [mix((key + index) & MASK) for index in indices]
    expected = [[(mix((stream + j * GAMMA) & MASK) >> 40) / 2**24 for j in range(1, count + 1)] for stream in streams]
    torch.testing.assert_close(
        uniform(seed, epoch, torch.tensor(indices), count), torch.tensor(expected), rtol=0, atol=0
    )


@given(indices=INDICES, data=st.data())
@settings(deadline=None)
def test_uniform_of_a_sample_ignores_the_others_and_the_count(indices, data):
    whole = uniform(3, 7, torch.tensor(indices), 5)
    rows = data.draw(st.lists(st.integers(0, len(indices) - 1), min_size=1))
    count = data.draw(st.integers(1, 5))
    torch.testing.assert_close(uniform(3, 7, torch.tensor(indices)[rows], count), whole[rows, :count], rtol=0, atol=0)


def test_uniform_is_uniform_and_its_neighbours_are_unrelated():
    base = uniform(0, 0, torch.arange(50_000), 3)
    assert base.min() >= 0 and base.max() < 1
    for column in base.unbind(1):  # 100 bins of 500 expected: chi-square of 99 degrees, mean 99, deviation 14
        chi_square = (torch.histc(column, 100, 0, 1) - 500).square().sum() / 500
        assert 50 < chi_square < 150
    others = [uniform(1, 0, torch.arange(50_000), 3), uniform(0, 1, torch.arange(50_000), 3), base.roll(1, 0)]
    columns = torch.cat([base, *others], dim=1)
    assert (torch.corrcoef(columns.T) - torch.eye(12)).abs().max() < 0.025  # five deviations of 1 / sqrt(50,000)


@pytest.mark.parametrize("alpha", [0.8, 1.0, 4.0, 50.0])
def test_beta_has_the_distribution(alpha):
    numbers = beta(uniform(0, 0, torch.arange(20_000), 1)[:, 0], alpha).numpy()
    assert scipy.stats.kstest(numbers, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01


@given(bits=st.integers(1, 2**23), alpha=st.floats(0.2, 100))
@settings(deadline=None)
def test_beta_is_the_inverse_distribution_function_and_symmetric(bits, alpha):
    lower, upper = beta(torch.tensor([bits, 2**24 - bits]) / 2**24, alpha).tolist()
    assert abs(scipy.stats.beta(alpha, alpha).cdf(lower) - bits / 2**24) < 1 / 4096  # one step of the table
    assert upper == pytest.approx(1 - lower, abs=1e-6)


def test_beta_of_1_is_uniform():
    uniforms = uniform(0, 0, torch.arange(1000), 1)[:, 0]
    torch.testing.assert_close(beta(uniforms, 1.0), uniforms, rtol=0, atol=1e-6)

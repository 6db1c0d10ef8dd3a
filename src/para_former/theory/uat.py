r"""Eq. 1 as a module, fitted to functions that one can draw: does the error fall with N, and how fast?

    G(x) = sum_{j=1..N} alpha_j sigma(W_j^T x + theta_j)                      (Wang & Li 2024, Eq. 1; Cybenko 1989)

The theorem says that some G comes as near to a continuous f, on a compact set, as one likes. It gives no rate and no
way to find G. Barron (1993, Theorem 1) gives a rate for functions of finite first Fourier moment C on a ball of radius
r: the best N terms and a constant, here one more term, reach a mean squared error of at most (2 r C)^2 / N, so a root
mean square of order N^(-1/2), with a C that may grow with the dimension. Two fits:

    "output"   W and theta drawn once at random, alpha by least squares: a convex problem, solved exactly
    "all"      from there, W and theta by Adam, alpha by least squares every few steps; the best seen counts
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.records import Record

Points = Float[Tensor, "points inputs"]
Values = Float[Tensor, "points outputs"]
Fit = Literal["output", "all"]
SPREAD = 8.0
"""standard deviation of random W, for points in [-1, 1]^n: ridges of a width around 1/8"""
RATE = 0.05
"""Adam's step, falling to zero as a cosine"""


class Approximator(nn.Module):
    """Eq. 1 with N = `terms`: points [P, n] -> values [P, k]. alpha is [N, k]; k = 1 is Eq. 1.

    The k outputs share the N sigmas, where the paper gives each output its own W and theta.
    """

    def __init__(self, inputs: int, outputs: int, terms: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        weight = SPREAD * torch.randn(terms, inputs, generator=generator, dtype=torch.float64)
        centres = 2 * torch.rand(terms, inputs, generator=generator, dtype=torch.float64) - 1
        self.weight = nn.Parameter(weight)
        self.theta = nn.Parameter(-(weight * centres).sum(1))  # each ridge passes through a random point
        self.alpha = nn.Parameter(torch.zeros(terms, outputs, dtype=torch.float64))

    def forward(self, x: Points) -> Values:
        return self.hidden(x) @ self.alpha

    def hidden(self, x: Points) -> Float[Tensor, "points terms"]:
        """sigma(W_j^T x + theta_j), sigma the sigmoid."""
        return torch.sigmoid(x @ self.weight.T + self.theta)

    @torch.no_grad()
    def solve_alpha(self, x: Points, values: Values) -> None:
        """The alpha of least squares for the W and theta at hand, the shortest where there are many."""
        self.alpha.copy_(torch.linalg.lstsq(self.hidden(x), values, driver="gelsd").solution)


def fit(model: Approximator, x: Points, values: Values, how: Fit, steps: int = 300) -> None:
    """Fit `model` to `values` [points, outputs] at `x` [points, inputs], in place.

    "output": alpha by least squares, W and theta as they are. Otherwise W and theta too, by `steps` of Adam, with alpha
    solved for again every ten steps; the best of what was seen stays.
    """
    model.solve_alpha(x, values)
    if how == "output":
        return
    best = _snapshot(model, x, values)
    optimizer = torch.optim.Adam([model.weight, model.theta], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        F.mse_loss(model(x), values).backward()
        optimizer.step()
        schedule.step()
        if step % 10 == 0:
            model.solve_alpha(x, values)
            best = min(best, _snapshot(model, x, values), key=lambda seen: seen[0])
    model.load_state_dict(best[1])


def relative_error(model: Approximator, x: Points, values: Values) -> float:
    """Root mean square of G - f over that of f - mean f."""
    with torch.no_grad():
        return ((model(x) - values).norm() / (values - values.mean(0)).norm()).item()


def error_against_terms(
    points: tuple[Tensor, Tensor],
    check: tuple[Tensor, Tensor],
    terms: Sequence[int],
    seeds: int,
    how: Fit,
    steps: int = 300,
) -> Record:
    """Errors at `check` after fits to `points`, both (x, values), by N and seed; `rate` is log error against log N.

    -0.5 is Barron's rate; `rate_low` and `rate_high` are the least and the largest of the single seeds.
    """
    errors = []
    for count in terms:
        row = []
        for seed in range(seeds):
            model = Approximator(points[0].shape[1], points[1].shape[1], count, seed)
            fit(model, *points, how, steps)
            row.append(relative_error(model, *check))
        errors.append(row)
    slopes = [slope(terms, column) for column in zip(*errors, strict=True)]
    return {
        "fit": how,
        "sigma": "sigmoid",
        "terms": list(terms),
        "seeds": seeds,
        "steps": steps,
        "error": errors,
        "rate": slope(terms, np.median(errors, axis=1)),
        "rate_low": min(slopes),
        "rate_high": max(slopes),
    }


def slope(terms: Sequence[int], errors: Sequence[float] | np.ndarray) -> float:
    """Least-squares slope of log error against log N."""
    return float(np.polyfit(np.log(terms), np.log(np.maximum(errors, 1e-300)), 1)[0])


def _snapshot(model: Approximator, x: Points, values: Values) -> tuple[float, dict[str, Tensor]]:
    error = relative_error(model, x, values)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    return (error if math.isfinite(error) else math.inf), state

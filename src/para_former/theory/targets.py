"""Functions to approximate, as points in [-1, 1]^n with values: smooth and kinked ones, and a picture."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """A function R^n -> R^k with the points it is fitted at and those it is judged at."""

    name: str
    describe: str
    points: tuple[Tensor, Tensor]
    check: tuple[Tensor, Tensor]


def targets() -> list[Target]:
    """One smooth and one kinked function of one variable, one of two, and a photograph as a function of its place."""
    return [
        _function(
            "wave", "sin(6x) + sin(13x)/2, smooth, one variable", lambda x: torch.sin(6 * x) + torch.sin(13 * x) / 2, 1
        ),
        _function("steps", "||3x| - 1|, three kinks, one variable", lambda x: ((3 * x).abs() - 1).abs(), 1),
        _function("ripple", "cos(8 |x|) exp(-|x|^2), smooth, two variables", _ripple, 2),
        _picture(),
    ]


def _function(name: str, describe: str, f: Callable[[Tensor], Tensor], inputs: int) -> Target:
    """f on a grid; judged half a step off it."""
    side = 256 if inputs == 1 else 40
    steps = torch.linspace(-1, 1, side, dtype=torch.float64)
    between = (steps[1:] + steps[:-1]) / 2
    grids = [torch.cartesian_prod(*[axis] * inputs).reshape(-1, inputs) for axis in (steps, between)]
    points, check = [(grid, f(grid)) for grid in grids]
    return Target(name, describe, points, check)


def _ripple(x: Tensor) -> Tensor:
    radius = x.norm(dim=1, keepdim=True)
    return torch.cos(8 * radius) * torch.exp(-(radius**2))


def _picture(side: int = 48) -> Target:
    """scikit-learn's photograph of a flower, place -> (red, green, blue); judged at the pixels it is fitted at."""
    image = torch.tensor(load_sample_image("flower.jpg"), dtype=torch.float64).permute(2, 0, 1)[:, :427, 107:534] / 255
    small = F.interpolate(image[None], (side, side), mode="area")[0].flatten(1).T
    steps = torch.linspace(-1, 1, side, dtype=torch.float64)
    points = torch.cartesian_prod(steps, steps), small
    return Target("picture", f"a photograph, {side}x{side} pixels: place -> colour", points, points)

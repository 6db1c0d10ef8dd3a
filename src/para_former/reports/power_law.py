"""A power law fitted to a few points, and how far to trust its exponent."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

LEAST = 3
"""points: two lie on every line"""


@dataclass(frozen=True)
class PowerLaw:
    """error = a N^(-b)."""

    a: float
    b: float
    standard_error: float | None
    """of b, from the residuals; None for three points, whose one degree of freedom says nothing"""
    r2: float | None
    """share of the variance of log error that the line explains; None where there is none"""

    def __call__(self, n: int) -> float:
        return self.a * n**-self.b

    @property
    def saved_by_doubling(self) -> float:
        """Share of the error that twice the images remove, 1 - 2^(-b)."""
        return 1 - 2**-self.b


def power_law(errors: Mapping[int, float]) -> PowerLaw | None:
    """log error = log a - b log N by least squares over (N, error); errors of 0 have no logarithm and are left out.

    None for fewer than three points.
    """
    points = [(math.log(n), math.log(error)) for n, error in errors.items() if error > 0]
    count = len(points)
    if count < LEAST:
        return None
    mean_x, mean_y = (math.fsum(values) / count for values in zip(*points, strict=True))
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    slope = math.fsum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = math.fsum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    total = math.fsum((y - mean_y) ** 2 for _, y in points)
    return PowerLaw(
        a=math.exp(mean_y - slope * mean_x),
        b=-slope,
        standard_error=math.sqrt(residual / (count - 2) / spread) if count > LEAST else None,
        r2=1 - residual / total if total else None,
    )

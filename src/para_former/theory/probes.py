"""The slots of a decomposition as vectors, one per image: matrices are seen through random probes.

For z with independent entries of mean 0 and variance 1, E <A z, B z> = <A, B>_F. So inner products and distances of
operators too large to write down are, on average over z, those of their products with a few z, the same z for every
image. With 4 of them a cosine is off by about 0.1, with 128 by 0.02, which draws an AUC towards 1/2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from para_former.theory.decomposition import Decomposition
from para_former.theory.linear_form import LinearForm


@dataclass(frozen=True)
class SlotValues:
    """One slot at every image, up to what the probes see of it."""

    name: str
    module: int
    """1..m, and 0 for L and c"""
    varies: bool
    values: Float[Tensor, "branches batch numbers"]


def slot_values(form: Decomposition, probes: int) -> Iterator[SlotValues]:
    """L, c, then alpha, W, theta of every module, one after the other, so that only one is in memory."""
    generator = torch.Generator().manual_seed(0)
    batch = form.inputs.shape[1]

    def seen(operator: LinearForm) -> Tensor:
        shape = (probes, 1, 1, *operator.inputs)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64).to(operator.like)
        return vectors(operator.apply(noise).movedim(0, 2) / probes**0.5)

    def vectors(values: Tensor) -> Tensor:
        return values.flatten(2).expand(-1, batch, -1)

    yield SlotValues("L", 0, form.affine.linear.varies, seen(form.affine.linear))
    yield SlotValues("c", 0, form.affine.constant_varies, vectors(form.affine.constant))
    for module, term in enumerate(form.terms, start=1):
        yield SlotValues("alpha", module, term.alpha.varies, seen(term.alpha))
        yield SlotValues("W", module, term.weight.varies, seen(term.weight))
        yield SlotValues("theta", module, term.theta_varies, vectors(term.theta))


def moving_share(values: Float[Tensor, "branches batch numbers"]) -> Float[Tensor, " branches"]:
    """sum |s - mean s|^2 / sum |s|^2 over images: 0 for a slot that stands still, 1 for one of mean zero."""
    moving = (values - values.mean(1, keepdim=True)).square().sum((1, 2))
    return moving / values.square().sum((1, 2)).clamp(min=torch.finfo(values.dtype).tiny)

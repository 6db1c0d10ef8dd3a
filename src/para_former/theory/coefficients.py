r"""The numbers through which a network depends on its image, apart from the GELUs: everything else is a weight.

Per module: the attention weights A [heads, rows, T] and the reciprocal standard deviations of both norms, r1 [T] and
r2 [rows]. After the branches: that of the last norm, one number. Once these are known, a module is linear but for its
GELU, and that is all that `decomposition.py` uses. `rows` are the tokens that later steps read: all of them, but in the
last level under a class-token read-out only the first.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.layers import EPSILON, Level, branch_linear, normalize
from para_former.models.para_former import Images, merge


@dataclass(frozen=True)
class ModuleCoefficients:
    """Of one level, for every branch and image; axes of length 1 where all branches share a number."""

    attention: Float[Tensor, "branches batch heads rows tokens"]
    scale1: Float[Tensor, "#branches batch tokens"]
    scale2: Float[Tensor, "branches batch rows"]


@dataclass(frozen=True)
class Coefficients:
    """Of a whole network, with the embedded image that they belong to."""

    inputs: Float[Tensor, "1 batch tokens width"]
    levels: tuple[ModuleCoefficients, ...]
    last_scale: Float[Tensor, " batch"]


@torch.no_grad()
def coefficients(model: ParaFormer, images: Images) -> Coefficients:
    """One forward pass, keeping A, r1, r2 and the last norm's scale; with dropout there is no one form to speak of."""
    expect_evaluation(model)
    config = model.config
    x = inputs = model.embed(images)[None]
    levels = []
    for number, level in enumerate(model.levels):
        rows = 1 if config.pool == "cls" and number == config.depth - 1 else config.tokens
        found, x = _module(level, x, rows)
        levels.append(found)
    merged = merge(x, inputs[:, :, : x.shape[2]], config).to(x.dtype)
    row = merged[:, 0] if config.pool == "cls" else merged.mean(1)
    return Coefficients(inputs, tuple(levels), reciprocal_deviation(row))


def expect_evaluation(model: ParaFormer) -> None:
    if model.training:
        raise InputError("model: expected a network in evaluation mode (model.eval()), found one in training mode")


def reciprocal_deviation(x: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead"]:
    """1 / sqrt(variance + EPSILON) over the last axis: what LayerNorm multiplies a centred row by."""
    return torch.rsqrt(x.var(-1, correction=0) + EPSILON)


def _module(level: Level, x: Tensor, rows: int) -> tuple[ModuleCoefficients, Tensor]:
    """The coefficients of one level, and its output at the first `rows` tokens."""
    x_hat, row = normalize(x), x[:, :, :rows]
    qkv = branch_linear(x_hat, *level.norm1.fold(level.attn.qkv))
    query, key, value = qkv.unflatten(-1, (3, level.attn.heads, -1)).unbind(-3)
    scores = torch.einsum("jbshe,jbthe->jbhst", query[:, :, :rows], key) * query.shape[-1] ** -0.5
    attention = scores.softmax(-1)
    attended = level.attn.proj(torch.einsum("jbhst,jbthe->jbshe", attention, value).flatten(-2))
    middle = (row if level.residual == "standard" else level.norm1(x_hat[:, :, :rows])) + attended
    middle_hat = normalize(middle)
    skip = middle if level.residual == "standard" else level.norm2(middle_hat)
    found = ModuleCoefficients(attention, reciprocal_deviation(x), reciprocal_deviation(middle))
    return found, skip + level.mlp(middle_hat, level.norm2)

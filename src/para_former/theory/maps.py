r"""The four maps of x in R^{T x D} of which everything in the network between two nonlinearities is made.

With vec taken row by row, $\mathrm{vec}(A X B^T) = (A \otimes B)\,\mathrm{vec}(X)$, they are

    Features(W):  x -> x W^T                          I_T (x) W
    Heads(A):     x -> [A_1 x_1, ..., A_h x_h]        sum_h A_h (x) E_h     (x_h: the columns of head h, E_h picks them)
    Rows(r):      x -> diag(r) x                      diag(r) (x) I_D
    Patches:      image -> its patches as rows        a permutation

so attention, Features(W_o) Heads(A) Features(W_v), is $\sum_h A_h \otimes (W_{o,h} W_{v,h})$: the $W'_{i,1}$ of Eq. 6
(Wang & Li 2024).
"""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from para_former.theory.linear_form import LinearForm, Shape


@dataclass(frozen=True, eq=False)
class Features(LinearForm):
    """x -> x W^T: the same matrix [..., outputs, inputs] for every one of `tokens` rows; weights of the network."""

    weight: Float[Tensor, "*lead outputs inputs"]
    tokens: int
    varies = False

    @property
    def like(self) -> Tensor:
        return self.weight

    @property
    def inputs(self) -> Shape:
        return self.tokens, self.weight.shape[-1]

    @property
    def outputs(self) -> Shape:
        return self.tokens, self.weight.shape[-2]

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.einsum("...td,...cd->...tc", x, self.weight)

    def adjoint(self) -> LinearForm:
        return Features(self.weight.mT, self.tokens)


@dataclass(frozen=True, eq=False)
class Heads(LinearForm):
    """x -> [A_1 x_1, ..., A_h x_h] for mixing matrices A [..., heads, outputs, inputs] and heads of equal width."""

    mix: Float[Tensor, "*lead heads outputs inputs"]
    width: int
    varies: bool = True

    @property
    def like(self) -> Tensor:
        return self.mix

    @property
    def inputs(self) -> Shape:
        return self.mix.shape[-1], self.width

    @property
    def outputs(self) -> Shape:
        return self.mix.shape[-2], self.width

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        heads = x.unflatten(-1, (self.mix.shape[-3], -1))
        return torch.einsum("...hst,...the->...she", self.mix, heads).flatten(-2)

    def adjoint(self) -> LinearForm:
        return Heads(self.mix.mT, self.width, self.varies)


@dataclass(frozen=True, eq=False)
class Rows(LinearForm):
    """x -> diag(r) x: every row of `width` numbers times its own scale."""

    scale: Float[Tensor, "*lead tokens"]
    width: int
    varies: bool = True

    @property
    def like(self) -> Tensor:
        return self.scale

    @property
    def inputs(self) -> Shape:
        return self.scale.shape[-1], self.width

    outputs = inputs

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.scale[..., None] * x

    def adjoint(self) -> LinearForm:
        return self


@dataclass(frozen=True, eq=False)
class Patches(LinearForm):
    """An image [channels, height, width] -> [patches, channels p p], patches in reading order; or the way back."""

    channels: int
    grid: tuple[int, int]
    size: int
    like: Tensor
    back: bool = False
    varies = False

    @property
    def inputs(self) -> Shape:
        return self._patches if self.back else self._image

    @property
    def outputs(self) -> Shape:
        return self._image if self.back else self._patches

    @property
    def _image(self) -> Shape:
        return self.channels, self.grid[0] * self.size, self.grid[1] * self.size

    @property
    def _patches(self) -> Shape:
        return prod(self.grid), self.channels * self.size**2

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        if self.back:
            x = x.unflatten(-2, self.grid).unflatten(-1, (self.channels, self.size, self.size))
            return torch.einsum("...rucpq->...crpuq", x).reshape(*x.shape[:-5], *self._image)
        x = x.unflatten(-2, (self.grid[0], self.size)).unflatten(-1, (self.grid[1], self.size))
        return torch.einsum("...crpuq->...rucpq", x).reshape(*x.shape[:-5], *self._patches)

    def adjoint(self) -> LinearForm:
        return Patches(self.channels, self.grid, self.size, self.like, not self.back)

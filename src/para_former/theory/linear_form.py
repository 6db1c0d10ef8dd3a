"""Linear maps as operators: applied, transposed, composed and added, never stored whole. Those of a network: `maps.py`.

A map takes tensors of shape `inputs`, behind any leading axes, to tensors of shape `outputs`; `varies` says whether its
numbers depend on the image. Numbers of several branches and images stand side by side in leading axes,
[..., branches, batch], which broadcast.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

Shape = tuple[int, ...]


class LinearForm(ABC):
    """A linear map from tensors of shape `inputs` to tensors of shape `outputs`."""

    inputs: Shape
    outputs: Shape
    varies: bool
    """whether the map depends on the image"""
    like: Tensor
    """any tensor of the map's dtype and device"""

    @abstractmethod
    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """[..., *inputs] -> [..., *outputs]."""

    @abstractmethod
    def adjoint(self) -> "LinearForm":
        """The transposed map."""

    def matvec(self, vector: Float[Tensor, "*lead size"]) -> Float[Tensor, "..."]:
        """[..., prod(inputs)] -> [..., prod(outputs)]."""
        return self.apply(vector.unflatten(-1, self.inputs)).flatten(-len(self.outputs))

    def matmat(self, matrix: Float[Tensor, "size columns"]) -> Float[Tensor, "..."]:
        """[prod(inputs), k] -> [..., prod(outputs), k]."""
        columns = matrix.T.reshape(-1, *[1] * self._lead, len(matrix))
        return self.matvec(columns).movedim(0, -1)

    def dense(self) -> Float[Tensor, "..."]:
        """The matrix, [..., prod(outputs), prod(inputs)]: for small sizes."""
        return self.matmat(torch.eye(prod(self.inputs), dtype=self.like.dtype, device=self.like.device))

    def __matmul__(self, other: "LinearForm") -> "LinearForm":
        return Product(self, other)

    def __add__(self, other: "LinearForm") -> "LinearForm":
        return Sum(self, other)

    @property
    def _lead(self) -> int:
        """Leading axes of the map's own numbers."""
        return self.apply(self.like.new_zeros(self.inputs)).ndim - len(self.outputs)


@dataclass(frozen=True, eq=False)
class Pair(LinearForm):
    """A map made of two, from what the right one takes to what the left one gives."""

    left: LinearForm
    right: LinearForm

    @property
    def inputs(self) -> Shape:
        return self.right.inputs

    @property
    def outputs(self) -> Shape:
        return self.left.outputs

    @property
    def varies(self) -> bool:
        return self.left.varies or self.right.varies

    @property
    def like(self) -> Tensor:
        return self.left.like


class Product(Pair):
    """left after right."""

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.left.apply(self.right.apply(x))

    def adjoint(self) -> LinearForm:
        return Product(self.right.adjoint(), self.left.adjoint())


class Sum(Pair):
    """left + right, both of the same shapes."""

    def apply(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.left.apply(x) + self.right.apply(x)

    def adjoint(self) -> LinearForm:
        return Sum(self.left.adjoint(), self.right.adjoint())


@dataclass(frozen=True, eq=False)
class Affine:
    """x -> linear(x) + constant; each of the two may depend on the image."""

    linear: LinearForm
    constant: Float[Tensor, "..."]
    """[..., *linear.outputs]"""
    constant_varies: bool

    def __call__(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.linear.apply(x) + self.constant

    def __matmul__(self, other: "Affine") -> "Affine":
        """self after other: L (L' x + c') + c. The constant moves with the image as soon as L does."""
        varies = self.constant_varies or other.constant_varies or self.linear.varies
        return Affine(self.linear @ other.linear, self(other.constant), varies)

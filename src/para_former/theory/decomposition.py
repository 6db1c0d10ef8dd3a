r"""A network as what Wang & Li (2024) say it is: a linear part, N terms alpha sigma(W x + theta), and a constant.

For the embedded image x and branch j of depth m, exactly (m = 1: Eq. 8, m = 2: Eq. 9, all m: `docs/theory.md`):

    y_j = L_j x + sum_{i=1..m} alpha_ji sigma(W_ji x + theta_ji) + c_j,       logits = Q merge(y_1, ..., y_{n/m}) + q

sigma is GELU on the hidden units of module i. L, alpha, W are operators; they and theta, c may depend on the image
through the numbers in `coefficients.py`, theta and c of deeper modules also through the sigmas before them. The paper
leaves out LayerNorm, the biases of attention, the norm before the head and the head; here they are all in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from para_former.models import ModelConfig, ParaFormer
from para_former.models.embedding import Embedding
from para_former.models.layers import Level
from para_former.models.para_former import Images, expect_para_former
from para_former.theory.coefficients import ModuleCoefficients, coefficients
from para_former.theory.linear_form import Affine, LinearForm
from para_former.theory.maps import Rows
from para_former.theory.pieces import (
    attention_form,
    attention_of_equal_tokens,
    embedding_form,
    first_row,
    norm_form,
    product_form,
    read_out_form,
)


@dataclass(frozen=True)
class Term:
    """alpha sigma(W x + theta) of the i-th module of every branch; [branches, batch] lead, batch 1 where all share."""

    alpha: LinearForm
    weight: LinearForm
    theta: Float[Tensor, "*lead rows hidden"]
    theta_varies: bool

    def hidden(self, x: Float[Tensor, "..."]) -> Float[Tensor, "branches batch rows hidden"]:
        """sigma(W x + theta)."""
        return F.gelu(self.weight.apply(x) + self.theta)

    def __call__(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return self.alpha.apply(self.hidden(x))


@dataclass(frozen=True)
class Decomposition:
    """The form of a network at given images. It holds numbers and operators only, and never asks the network again."""

    inputs: Float[Tensor, "..."]
    """x: embedded images [1, batch, tokens, width], or images [1, batch, channels, height, width] after `in_pixels`"""
    affine: Affine
    """L and c of every branch, their share of the merge included"""
    terms: tuple[Term, ...]
    """one per level"""
    read_out: Affine
    """Q, q: pooling, the last norm and the head"""

    def parts(self) -> Iterator[Float[Tensor, "..."]]:
        """What each part adds to every branch: the linear part, then the constant, then the terms level by level."""
        yield self.affine.linear.apply(self.inputs)
        yield self.affine.constant
        for term in self.terms:
            yield term(self.inputs)

    def branches(self) -> Float[Tensor, "branches batch rows width"]:
        """What each branch adds to the merged rows."""
        first, *others = self.parts()
        return sum(others, start=first)

    def reconstruct(self) -> Float[Tensor, "batch outputs"]:
        """The logits, from the form alone."""
        return self.read_out(self.branches().sum(0)).squeeze(-2)

    def logit_shares(self, rows: Float[Tensor, "*lead batch rows width"]) -> Float[Tensor, "*lead batch outputs"]:
        """What some of the merged rows add to the logits, the last norm's scale being that of the whole network."""
        return self.read_out.linear.apply(rows).squeeze(-2)

    def in_pixels(self, embedding: Embedding, images: Images) -> "Decomposition":
        """The same form in the image itself: x = E image + e, so W x + theta = (W E) image + (theta + W e), and so on.

        The class token, which is no part of the image, moves into the constants.
        """
        outer = embedding_form(embedding)
        terms = tuple(
            replace(
                term,
                weight=term.weight @ outer.linear,
                theta=term.theta + term.weight.apply(outer.constant),
                theta_varies=term.theta_varies or term.weight.varies,
            )
            for term in self.terms
        )
        return replace(self, inputs=images[None], affine=self.affine @ outer, terms=terms)

    @property
    def units(self) -> int:
        """N of Eq. 1: scalar sigmas that reach the logits, over all branches and levels."""
        return sum(term.theta[:, 0].numel() for term in self.terms)


@torch.no_grad()
def decompose(model: ParaFormer, images: Images) -> Decomposition:
    """The form of `model` at each of the images; use float64 to check identities.

    Errors: InputError for another model, or a network in training mode.
    """
    model = expect_para_former(model)
    config, found = model.config, coefficients(model, images)
    affine, bias, terms = None, 0.0, []
    for level, numbers in zip(model.levels, found.levels, strict=True):
        hidden, through = _module(level, numbers)
        # before this level a branch is y = affine(x) + bias, with bias the sum of all terms so far
        inner = hidden if affine is None else hidden @ affine
        theta = inner.constant + (hidden.linear.apply(bias) if terms else 0.0)
        last = product_form(level.mlp.fc2, theta.shape[-2]).linear
        term = Term(last, inner.linear, theta, inner.constant_varies or bool(terms))
        affine = through if affine is None else through @ affine
        bias = (through.linear.apply(bias) if terms else 0.0) + term(found.inputs)
        terms = [replace(each, alpha=through.linear @ each.alpha) for each in terms] + [term]
    affine, terms = _share_of_the_merge(affine, terms, config)
    return Decomposition(found.inputs, affine, tuple(terms), read_out_form(model, found.last_scale))


def _module(level: Level, numbers: ModuleCoefficients) -> tuple[Affine, Affine]:
    """One module, y -> through(y) + W_3 sigma(hidden(y)): its two affine maps `hidden` and `through`.

    through holds b_3. Both start with attention and its residual, y -> P y + p; p is constant, since attention leaves
    what is equal in all tokens as it is (`pieces.py`).
    """
    rows, tokens = numbers.attention.shape[-2:]
    norm1, attention = norm_form(level.norm1, numbers.scale1), attention_form(level.attn, numbers.attention)
    normed = level.residual == "normed"
    width = level.norm1.weight.shape[-1]
    skip = norm1.linear if normed else Rows(numbers.scale1.new_ones(tokens), width, varies=False)
    skip = first_row(tokens, width, numbers.attention) @ skip if rows < tokens else skip
    beta = norm1.constant[..., :rows, :]
    constant = attention.constant + attention_of_equal_tokens(level.attn, beta) + (beta if normed else 0.0)
    middle = Affine(skip + attention.linear @ norm1.linear, constant, constant_varies=False)
    norm2 = norm_form(level.norm2, numbers.scale2)
    after = norm2 @ middle
    through = after if normed else middle
    through = replace(through, constant=through.constant + product_form(level.mlp.fc2, rows).constant)
    return product_form(level.mlp.fc1, rows) @ after, through


def _share_of_the_merge(affine: Affine, terms: list[Term], config: ModelConfig) -> tuple[Affine, list[Term]]:
    """Each branch's part of the merged rows: y_j, y_j / b, or y_j - (b - 1)/b x; over the branches they sum to it."""
    branches, (rows, width) = config.branches, affine.linear.outputs
    ones = affine.constant.new_ones(rows)
    if config.merge == "mean":
        scale = Rows(ones / branches, width, varies=False)
        affine = Affine(scale @ affine.linear, scale.apply(affine.constant), affine.constant_varies)
        terms = [replace(term, alpha=scale @ term.alpha) for term in terms]
    if config.merge == "residual":
        scale = Rows(ones * (1 / branches - 1), width, varies=False)
        input_rows = scale @ first_row(config.tokens, width, ones) if rows < config.tokens else scale
        affine = replace(affine, linear=affine.linear + input_rows)
    return affine, terms

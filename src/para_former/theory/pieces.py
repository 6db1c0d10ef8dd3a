r"""The parts of a network as operators: embedding, norm, attention, MLP products, read-out (`maps.py`).

LayerNorm of a row y is diag(gamma) C r y + beta with the fixed matrix C = I - 1 1^T / D, which takes the mean away, and
one input-dependent number r, the reciprocal standard deviation. Attention's softmax rows sum to 1, so it leaves any
vector that is the same in every token as it is: its biases stay constants. Both facts are exact, eps included.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.embedding import Embedding
from para_former.models.layers import Attention, BranchLinear, BranchNorm
from para_former.models.para_former import linear_head
from para_former.theory.linear_form import Affine, LinearForm
from para_former.theory.maps import Features, Heads, Patches, Rows


def embedding_form(embedding: Embedding) -> Affine:
    """Pixels -> tokens: (rows below the class token) E (patches), plus positions, class token and bias.

    Errors: InputError for a convolutional stem, which is not linear.
    """
    if embedding.config.stem != "patch":
        raise InputError(f"stem: expected 'patch', which is linear in the pixels, found {embedding.config.stem!r}")
    config, weight = embedding.config, embedding.proj.weight.detach().flatten(1)
    patches = config.grid[0] * config.grid[1]
    place = torch.eye(config.tokens, dtype=weight.dtype, device=weight.device)[:, config.tokens - patches :]
    linear = (
        Heads(place[None], config.width, varies=False)
        @ Features(weight, patches)
        @ Patches(config.in_channels, config.grid, config.patch_size, weight)
    )
    constant = embedding.pos_embed[0] + place.sum(1, keepdim=True) * embedding.proj.bias
    if embedding.cls_token is not None:
        constant = torch.cat([embedding.class_row()[0], constant[1:]])
    return Affine(linear, constant.detach(), constant_varies=False)


def norm_form(norm: BranchNorm, scale: Float[Tensor, "#branches batch tokens"]) -> Affine:
    """y -> diag(gamma) C (r y) + beta; [branches, batch] lead."""
    matrix = centred(norm.weight.detach())[:, None]
    width = matrix.shape[-1]
    constant = norm.bias.detach()[:, None, None].expand(-1, 1, scale.shape[-1], -1)
    return Affine(Features(matrix, scale.shape[-1]) @ Rows(scale, width), constant, constant_varies=False)


def centred(gamma: Float[Tensor, "*lead width"]) -> Float[Tensor, "*lead width width"]:
    """diag(gamma) C with C = I - 1 1^T / D."""
    width = gamma.shape[-1]
    return gamma[..., None] * (torch.eye(width, dtype=gamma.dtype, device=gamma.device) - 1 / width)


def attention_form(attention: Attention, mix: Float[Tensor, "branches batch heads rows tokens"]) -> Affine:
    """z -> sum_h A_h z (W_{o,h} W_{v,h})^T + (W_o b_v + b_o): Eq. 3, 4 and 6, with the biases that Eq. 6 leaves out."""
    rows, tokens = mix.shape[-2:]
    weight, bias = attention.qkv.weight.detach().chunk(3, 1)[2], attention.qkv.bias.detach().chunk(3, 1)[2]
    linear = (
        product_form(attention.proj, rows).linear @ Heads(mix, weight.shape[-1]) @ Features(weight[:, None], tokens)
    )
    constant = torch.einsum("jce,je->jc", attention.proj.weight.detach(), bias) + attention.proj.bias.detach()
    return Affine(linear, constant[:, None, None].expand(-1, 1, rows, -1), constant_varies=False)


def attention_of_equal_tokens(attention: Attention, z: Float[Tensor, "branches 1 rows width"]) -> Tensor:
    """What attention, without its biases, makes of tokens that are all z: z (W_o W_v)^T, whatever its weights are."""
    value = torch.einsum("jbtd,jed->jbte", z, attention.qkv.weight.detach().chunk(3, 1)[2])
    return torch.einsum("jbte,jce->jbtc", value, attention.proj.weight.detach())


def product_form(linear: BranchLinear, tokens: int) -> Affine:
    """x -> x W^T + b: either product of the MLP."""
    constant = linear.bias.detach()[:, None, None].expand(-1, 1, tokens, -1)
    return Affine(Features(linear.weight.detach()[:, None], tokens), constant, constant_varies=False)


def first_row(tokens: int, width: int, like: Tensor) -> LinearForm:
    """x -> its first token, as [1, width]."""
    return Heads(torch.eye(tokens, dtype=like.dtype, device=like.device)[None, :1], width, varies=False)


def read_out_form(model: ParaFormer, scale: Float[Tensor, " batch"]) -> Affine:
    """Merged rows -> logits: mean of the rows (of one row: itself), the last norm, the head; [batch] leads."""
    config = model.config
    rows = 1 if config.pool == "cls" else config.tokens
    norm = model.last_norm
    weight, bias = _head(model)
    linear = (
        Features(weight @ centred(norm.weight.detach()), 1)
        @ Rows(scale[:, None], config.width)
        @ Heads(weight.new_full((1, 1, rows), 1 / rows), config.width, varies=False)
    )
    return Affine(linear, (weight @ norm.bias.detach() + bias)[None], constant_varies=False)


def _head(model: ParaFormer) -> tuple[Tensor, Tensor]:
    """Weight and bias of the head; where there is none, those of the identity."""
    if (head := linear_head(model)) is not None:
        return head[0].detach(), head[1].detach()
    like = model.last_norm.bias.detach()
    return torch.eye(len(like), dtype=like.dtype, device=like.device), torch.zeros_like(like)

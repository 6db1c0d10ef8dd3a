"""The oracle: a Para-Former as two plain loops, over branches and over the modules of a branch.

Every other way to compute the network must agree with this file in outputs and gradients. It is written from the
formulas (Wang & Li 2024, Eq. 3 to 5 and Fig. 3), computes every token of every module, and imports nothing fast.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from para_former.models.embedding import expect_images
from para_former.models.layers import EPSILON, Level
from para_former.models.para_former import ParaFormer, expect_para_former, linear_head
from para_former.models.stem import ConvStem

TokenRows = Float[Tensor, "batch tokens width"]


def reference(
    model: ParaFormer, images: Float[Tensor, "batch channels image_height image_width"]
) -> Float[Tensor, "batch outputs"]:
    """Logits of `model` as it is in evaluation mode, differentiable with respect to its parameters and the images.

        logits = W_head norm(read_out(sum_j module_{j,m}(... module_{j,1}(x)))) + b_head,    x = embed(images)

    Dropout and stochastic depth are random in training mode, so there the function has no single value to compare.
    Errors: InputError for another model or head, or images of another shape.
    """
    model = expect_para_former(model)
    config, head = model.config, linear_head(model)
    expect_images(images, config)
    x = _embed(model, images)
    outputs = []
    for j in range(config.branches):
        y = x
        for level in model.levels:
            y = _module(level, j, y)
        outputs.append(y)
    total = outputs[0]
    for y in outputs[1:]:
        total = total + y
    if config.merge == "mean":
        total = total / config.branches
    if config.merge == "residual":
        total = total - (config.branches - 1) * x
    row = total[:, 0] if config.pool == "cls" else total.mean(1)
    row = _norm(row, model.last_norm.weight, model.last_norm.bias)
    return row if head is None else row @ head[0].T + head[1]


def _embed(model: ParaFormer, images: Tensor) -> TokenRows:
    """The patches one by one, in reading order; with a convolutional stem, what it leaves of each."""
    config, embed = model.config, model.embed
    (rows, columns), p, product = config.grid, config.patch_size, embed.proj
    if config.stem == "conv":
        images, p, product = _convolve(embed.proj, images), 1, embed.proj.out
    patches = [images[:, :, r * p : (r + 1) * p, c * p : (c + 1) * p] for r in range(rows) for c in range(columns)]
    tokens = [patch.flatten(1) @ product.weight.flatten(1).T + product.bias for patch in patches]
    if config.pool == "cls":
        tokens.insert(0, embed.cls_token[0].expand(len(images), -1))
    return torch.stack(tokens, dim=1) + embed.pos_embed


def _convolve(stem: ConvStem, x: Tensor) -> Tensor:
    """3x3 convolutions, each the sum of nine products with shifted images; BatchNorm by running statistics; ReLU."""
    for conv, norm in zip(stem.convs, stem.norms, strict=True):
        padded, stride = F.pad(x, (1, 1, 1, 1)), conv.stride[0]
        height, width = x.shape[2:]
        x = 0
        for row in range(3):
            for column in range(3):
                shifted = padded[:, :, row : row + height : stride, column : column + width : stride]
                x = x + torch.einsum("oc,bchw->bohw", conv.weight[:, :, row, column], shifted)
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        x = (x - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        x = x.clamp(min=0)
    return x


def _module(level: Level, j: int, x: TokenRows) -> TokenRows:
    """The module of branch j at this level: attention and MLP, each added to its input (or to the normed input)."""
    y = _norm(x, level.norm1.weight[j], level.norm1.bias[j])
    x = (x if level.residual == "standard" else y) + _attention(level, j, y)
    y = _norm(x, level.norm2.weight[j], level.norm2.bias[j])
    hidden = y @ level.mlp.fc1.weight[j].T + level.mlp.fc1.bias[j]
    hidden = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))  # GELU
    return (x if level.residual == "standard" else y) + hidden @ level.mlp.fc2.weight[j].T + level.mlp.fc2.bias[j]


def _attention(level: Level, j: int, y: TokenRows) -> TokenRows:
    heads = level.attn.heads
    q, k, v = (y @ level.attn.qkv.weight[j].T + level.attn.qkv.bias[j]).chunk(3, dim=-1)
    mixed = []
    for q_h, k_h, v_h in zip(q.chunk(heads, -1), k.chunk(heads, -1), v.chunk(heads, -1), strict=True):
        mixed.append(torch.softmax(q_h @ k_h.mT / math.sqrt(q_h.shape[-1]), dim=-1) @ v_h)
    return torch.cat(mixed, dim=-1) @ level.attn.proj.weight[j].T + level.attn.proj.bias[j]


def _norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + EPSILON) * weight + bias

r"""Weights of a network rewritten for inference: exact identities, applied once, in float64, before the first image.

    norm into product      W (gamma x_hat + beta) + b = (W diag(gamma)) x_hat + (W beta + b)
    key map into query     (W_q q + b_q) . (W_k x_hat_t + b_k) = (W_k^T (W_q q + b_q)) . x_hat_t + constant over t
    value bias             W_o sum_t p_t (W_v x_hat_t + b_v) + b_o = W_o W_v (sum_t p_t x_hat_t) + (W_o b_v + b_o),
                           since the p_t sum to 1
    class token at depth 1 q = cls + pos_0 is a constant of the weights, and so is every product of it; the sum that
                           attention adds to takes up its bias
    patches                a convolution whose stride is its kernel is one product with the cut-out pixels
    BatchNorm              g (W * x - mean) / s + beta = (W g/s) * x + (beta - mean g/s),  s^2 = running variance + eps

Each function gives named tensors with a leading branch axis, weights [branches, outputs, inputs] as in the model: a
block of branches is a contiguous slice, and side by side along the outputs without a copy. What they compute is
`frozen.py`.
"""

from torch import Tensor

from para_former.models.config import ModelConfig
from para_former.models.embedding import Embedding
from para_former.models.layers import BranchLinear, BranchNorm, Level, normalize
from para_former.models.stem import ConvStem

Tensors = dict[str, Tensor]


def fold_embedding(embed: Embedding) -> Tensors:
    """Features of a patch (its pixels, or what the convolutions made of them) -> token.

    The class token and the bias of the patches join the positions.
    """
    product = embed.proj.out if embed.config.stem == "conv" else embed.proj
    positions = embed.pos_embed[0].double().clone()
    if embed.cls_token is not None:
        positions[0] += embed.cls_token[0, 0].double()
    positions[leading_tokens(embed.config) :] += product.bias.double()
    return {"weight": product.weight.flatten(1), "positions": positions}


def fold_class_row(embed: Embedding) -> Tensor:
    """The class token as it enters every branch, `Embedding.class_row` in float64: [1, 1, width]."""
    return embed.cls_token.double() + embed.pos_embed[:, :1].double()


def fold_convolutions(stem: ConvStem) -> Tensors:
    """The convolutions of a stem, each with its BatchNorm folded in: weight0, bias0, weight1, ..."""
    tensors = {}
    for i, (conv, norm) in enumerate(zip(stem.convs, stem.norms, strict=True)):
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        tensors[f"weight{i}"] = conv.weight.double() * scale[:, None, None, None]
        tensors[f"bias{i}"] = norm.bias.double() - norm.running_mean.double() * scale
    return tensors


def leading_tokens(config: ModelConfig) -> int:
    """Tokens that stand before the patches: the class token or none."""
    return config.tokens - config.grid[0] * config.grid[1]


def fold_level(level: Level, config: ModelConfig) -> Tensors:
    """Every token of a level. QKV rows in the order [heads, (q, k, v), head_width]: branch and head are one stride."""
    weight, bias = _fold(level.norm1, level.attn.qkv)
    by_head = {
        name: rows.unflatten(1, (3, config.heads, -1)).transpose(1, 2).flatten(1, 3)
        for name, rows in (("qkv_weight", weight), ("qkv_bias", bias))
    }
    return {**by_head, **_after_attention(level)}


def fold_read_out(level: Level, config: ModelConfig, class_row: Tensor | None) -> Tensors:
    """The last level for the class token alone; `class_row` where it is a constant of the weights."""
    weight, bias = _fold(level.norm1, level.attn.qkv)
    query, key, value = weight.unflatten(1, (3, config.heads, -1)).unbind(1)  # [branches, heads, head_width, width]
    query_bias, _, value_bias = bias.unflatten(1, (3, config.heads, -1)).unbind(1)
    key = key * key.shape[2] ** -0.5
    tensors = {"value_weight": value.flatten(0, 1), **_after_attention(level)}
    value_part = tensors["proj_weight"].double() @ value_bias.flatten(1)[:, :, None]
    proj_bias = tensors.pop("proj_bias").double() + value_part[:, :, 0]
    if class_row is None:
        query_tensors = {
            "query_weight": query.flatten(1, 2),
            "query_bias": query_bias.flatten(1),
            "proj_bias": proj_bias,
        }
        return {**tensors, **query_tensors, "key_weight": key}
    row_hat = normalize(class_row)[0]  # [1, width]
    constant_query = query @ row_hat[0] + query_bias  # [branches, heads, head_width]
    key_query = (constant_query.unsqueeze(2) @ key).squeeze(2)  # [branches, heads, width]
    row = class_row.expand(len(weight), -1, -1)  # what attention adds to
    if level.residual == "normed":
        row = level.norm1.weight.double()[:, None] * row_hat + level.norm1.bias.double()[:, None]
    return {**tensors, "key_query": key_query, "row": row + proj_bias[:, None]}


def _after_attention(level: Level) -> Tensors:
    proj, fc2 = level.attn.proj, level.mlp.fc2
    fc1_weight, fc1_bias = _fold(level.norm2, level.mlp.fc1)
    width = proj.weight.shape[1]
    tensors = {
        "proj_weight": proj.weight,
        "proj_bias": proj.bias,
        "fc1_weight": fc1_weight,
        "fc1_bias": fc1_bias,
        "fc2_weight": fc2.weight,
        "fc2_bias": fc2.bias,
        "ones": proj.weight.new_ones(width),
        "zeros": proj.weight.new_zeros(width),
    }
    if level.residual == "normed":  # then a module adds to gamma x_hat + beta, which no product absorbs
        for number, norm in enumerate((level.norm1, level.norm2), start=1):
            tensors |= {f"gamma{number}": norm.weight, f"beta{number}": norm.bias}
    return tensors


def _fold(norm: BranchNorm, linear: BranchLinear) -> tuple[Tensor, Tensor]:
    """`BranchNorm.fold` in float64."""
    weight, gamma = linear.weight.double(), norm.weight.double()
    return weight * gamma[:, None], linear.bias.double() + (weight * norm.bias.double()[:, None]).sum(-1)

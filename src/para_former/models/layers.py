r"""One level of a Para-Former: the i-th transformer module of every branch, computed together.

Every parameter has a leading branch axis, so branch j of a level is an index. Activations are [branches, batch, tokens,
width]; a leading axis of 1 means that all branches read the same tensor, as they do at level 0.

The affine part of a norm is folded into the product that reads it, which is exact,

    W (gamma * x_hat + beta) + b  =  (W diag(gamma)) x_hat + (W beta + b),        x_hat = (x - mean) / std,

and lets all branches share one x_hat at level 0.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.models.config import ModelConfig

EPSILON = 1e-6  # of the norms, as timm's ViT

Tokens = Float[Tensor, "#branches #batch tokens width"]  # with #, an axis may have length 1 and stand for all
Row = Float[Tensor, "#branches #batch 1 width"]


def normalize(x: Tensor) -> Tensor:
    """x_hat = (x - mean) / sqrt(variance + EPSILON) over the last axis: LayerNorm without its affine part."""
    return F.layer_norm(x, x.shape[-1:], eps=EPSILON)


def branch_linear(
    x: Float[Tensor, "#branches batch tokens inputs"],
    weight: Float[Tensor, "branches outputs inputs"],
    bias: Float[Tensor, "branches outputs"],
) -> Float[Tensor, "branches batch tokens outputs"]:
    """y_j = x_j W_j^T + b_j for every branch j, as one batched product."""
    rows = x.flatten(1, 2).expand(len(weight), -1, -1)
    return torch.baddbmm(bias[:, None], rows, weight.mT).unflatten(1, x.shape[1:3])


class BranchLinear(nn.Module):
    """Parameters of one linear map per branch: weight [branches, outputs, inputs], bias [branches, outputs]."""

    def __init__(self, branches: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(branches, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(branches, outputs))

    def forward(
        self, x: Float[Tensor, "#branches batch tokens inputs"], norm: "BranchNorm | None" = None
    ) -> Float[Tensor, "branches batch tokens outputs"]:
        """The map of x; with `norm` that of norm(x), where x is x_hat."""
        return branch_linear(x, *((self.weight, self.bias) if norm is None else norm.fold(self)))

    def extra_repr(self) -> str:
        branches, outputs, inputs = self.weight.shape
        return f"{branches=}, {inputs=}, {outputs=}"


class BranchNorm(nn.Module):
    """Affine part of one LayerNorm per branch: weight gamma and bias beta, both [branches, width]."""

    def __init__(self, branches: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(branches, width))
        self.bias = nn.Parameter(torch.zeros(branches, width))

    def forward(self, x_hat: Tokens) -> Tokens:
        """gamma * x_hat + beta."""
        return torch.addcmul(self.bias[:, None, None], x_hat, self.weight[:, None, None])

    def fold(self, linear: BranchLinear) -> tuple[Tensor, Tensor]:
        """Weight and bias of the map x_hat -> linear(norm(x)), by the identity at the top of this file."""
        weight = linear.weight * self.weight[:, None]
        return weight, linear.bias + (linear.weight * self.bias[:, None]).sum(-1)


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Zero each number with probability `rate` and divide the others by 1 - `rate`, in training only.

    On a CPU PyTorch draws 6 ns for each number, on one core: a quarter of a step of Para-F-2-24 (`docs/training.md`).
    Here four numbers share 64 random bits, so the rate is that multiple of 2^-16 which is nearest, in the scale too.
    """
    if not training or rate == 0 or x.device.type != "cpu":
        return F.dropout(x, rate, training)
    drawn = torch.randint(-(2**63), 2**63 - 1, (-(-x.numel() // 4),), device=x.device).view(torch.int16)
    dropped = min(round(rate * 2**16), 2**16 - 1)
    kept = drawn[: x.numel()].view(x.shape) >= dropped - 2**15
    return x * kept.to(x.dtype) * (2**16 / (2**16 - dropped))


def attend(
    query: Float[Tensor, "rows heads tokens head_width"],
    key: Float[Tensor, "rows heads tokens head_width"],
    value: Float[Tensor, "rows heads tokens head_width"],
    dropout_rate: float,
) -> Float[Tensor, "rows heads tokens head_width"]:
    r"""$\mathrm{softmax}(Q K^T / \sqrt{e})\, V$ per row and head, by PyTorch's fused attention.

    Except where gradients are wanted in bfloat16 on a CPU: there the fused backward takes 3 to 8 times as long as that
    of the plain products (`docs/training.md`).
    """
    if query.requires_grad and query.dtype == torch.bfloat16 and query.device.type == "cpu":
        weights = (query * query.shape[-1] ** -0.5 @ key.mT).softmax(-1)
        return dropout(weights, dropout_rate, training=True).to(value.dtype) @ value
    return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout_rate)


class Attention(nn.Module):
    r"""Multi-head self-attention, $\mathrm{softmax}(Q_h K_h^T / \sqrt{e})\, V_h$ per head h, then $W_O$ (Eq. 3, 4).

    Two ways to compute the same function: all tokens (`forward`), or one token's row only (`read_out`).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.attention_dropout
        self.qkv = BranchLinear(config.branches, config.width, 3 * config.width)
        self.proj = BranchLinear(config.branches, config.width, config.width)

    def forward(self, x_hat: Tokens, norm: BranchNorm) -> Tokens:
        qkv = self.qkv(x_hat, norm)
        q, k, v = qkv.flatten(0, 1).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [rows, heads, ...]
        mixed = attend(q, k, v, self.dropout if self.training else 0.0)
        return self.proj(mixed.transpose(1, 2).flatten(2).unflatten(0, qkv.shape[:2]))

    def read_out(self, x_hat: Tokens, row_hat: Row, norm: BranchNorm) -> Row:
        r"""The row of one query token, exact and without a key or value per token.

        Products re-associate when there is a single query q: the key map moves to the query, the value map behind
        the softmax. Per head, with weights W and biases b that have the norm folded in,

            scores = (W_k^T q) . x_hat_t / sqrt(e)    (q . b_k is the same for every t, so softmax ignores it)
            head   = W_v (sum_t p_t x_hat_t) + b_v sum_t p_t

        which costs O(T h D) per image and branch where keys and values cost O(T D^2). Einsum axes: j branch, b image,
        t token, h head, e head width, d width; an axis of length 1 (shared input, constant query) joins in any product.
        """
        weight, bias = norm.fold(self.qkv)
        query_weight, key_weight, value_weight = weight.unflatten(1, (3, self.heads, -1)).unbind(1)
        query_bias, _, value_bias = bias.unflatten(1, (3, self.heads, -1)).unbind(1)
        query = torch.einsum("jbd,jhed->jbhe", row_hat.squeeze(2), query_weight) + query_bias[:, None]
        key_query = torch.einsum("jbhe,jhed->jbhd", query, key_weight) * query.shape[-1] ** -0.5
        weights = torch.einsum("jbhd,jbtd->jbht", key_query, x_hat).softmax(-1)
        weights = dropout(weights, self.dropout, self.training)
        mixed = torch.einsum("jbht,jbtd->jbhd", weights, x_hat)
        heads = torch.einsum("jbhd,jhed->jbhe", mixed, value_weight)
        heads = heads + value_bias[:, None] * weights.sum(-1, keepdim=True)
        return self.proj(heads.flatten(2).unsqueeze(2))


class MLP(nn.Module):
    r"""$W_3\,\sigma(W_2 x + b_2) + b_3$ with GELU as sigma (Wang & Li 2024, Eq. 5)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.fc1 = BranchLinear(config.branches, config.width, config.mlp_width)
        self.fc2 = BranchLinear(config.branches, config.mlp_width, config.width)

    def forward(self, x_hat: Tokens, norm: BranchNorm) -> Tokens:
        hidden = F.gelu(self.fc1(x_hat, norm))
        return self.fc2(dropout(hidden, self.dropout, self.training))


class Level(nn.Module):
    """The i-th module of every branch: x + attention(norm(x)), then x + MLP(norm(x)) (Wang & Li 2024, Fig. 2).

    With `residual="normed"` each sum adds to norm(x) in place of x, as the authors' later code does.
    """

    def __init__(self, config: ModelConfig, level: int) -> None:
        super().__init__()
        self.residual, self.dropout, self.path_rate = config.residual, config.dropout, config.drop_path_at(level)
        self.norm1, self.attn = BranchNorm(config.branches, config.width), Attention(config)
        self.norm2, self.mlp = BranchNorm(config.branches, config.width), MLP(config)

    def forward(self, x: Tokens, row: Row | None = None) -> Tokens | Row:
        """Every token; or only what this level makes of `row`, one token of x (or a constant that x always holds)."""
        x_hat = normalize(x)
        if row is None:
            return self._mlp(self._add(x, x_hat, self.norm1, self.attn(x_hat, self.norm1)))
        row_hat = normalize(row)
        return self._mlp(self._add(row, row_hat, self.norm1, self.attn.read_out(x_hat, row_hat, self.norm1)))

    def _mlp(self, x: Tokens) -> Tokens:
        x_hat = normalize(x)
        return self._add(x, x_hat, self.norm2, self.mlp(x_hat, self.norm2))

    def _add(self, x: Tokens, x_hat: Tokens, norm: BranchNorm, update: Tokens) -> Tokens:
        skip = x if self.residual == "standard" else norm(x_hat)
        return skip + self._drop_path(dropout(update, self.dropout, self.training))

    def _drop_path(self, update: Tokens) -> Tokens:
        """Stochastic depth: zero the update of a whole module, independently per branch and image."""
        if not (self.training and self.path_rate):
            return update
        keep = torch.rand(*update.shape[:2], 1, 1, device=update.device) >= self.path_rate
        return update * (keep / (1 - self.path_rate)).to(update.dtype)

r"""One level of a network with folded weights, for a block of its branches, in as few and large products as it takes.

Activations are [branches, batch, tokens, width], as in `models/layers.py`, and a leading axis of 1 means that all
branches read the same tensor. `block` says which branches to compute. Inference only: tensors are buffers.
"""

from collections.abc import Collection

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.execution.folding import (
    fold_convolutions,
    fold_embedding,
    fold_level,
    fold_read_out,
    leading_tokens,
)
from para_former.models.config import ModelConfig
from para_former.models.embedding import Embedding
from para_former.models.layers import EPSILON, Level
from para_former.models.stem import convolutions, cut_patches

Tokens = Float[Tensor, "#branches batch tokens width"]
Rows = Float[Tensor, "#branches #batch width"]
FEW_ROWS = 4  # up to which a product is bound by reading its weights
gelu_ = torch.ops.aten.gelu_  # in place: half the memory of the widest activations


class Frozen(nn.Module):
    """A module of buffers: they follow `.to(device)` and never ask for a gradient."""

    few_rows = 0
    """up to how many rows the weights are the left factor of `batched`; `arrange` sets it"""
    row_weights: tuple[str, ...] = ()
    """names of those weights"""

    def __init__(self, config: ModelConfig, tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.config = config
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.detach().to(dtype, copy=True, memory_format=torch.contiguous_format))

    def arrange(self, few_rows: int, in_first: Collection[str]) -> None:
        """Sets `few_rows`; lays the weights named in `in_first` out as [in, out] in memory, the others as [out, in]."""
        self.few_rows = few_rows
        for name in self._buffers.keys() & self.row_weights:  # a constant query has no weights
            weight = getattr(self, name)
            setattr(self, name, weight.mT.contiguous().mT if name in in_first else weight.contiguous())

    def standardize(self, x: Tensor) -> Tensor:
        """x_hat = (x - mean) / std. With a weight of ones: on a CPU, PyTorch's norm without one takes twice as long."""
        return F.layer_norm(x, x.shape[-1:], self.ones, self.zeros, EPSILON)

    def skip(self, x: Tensor, x_hat: Tensor, number: int, block: slice) -> Tensor:
        """What the module's sum `number` (1 attention, 2 MLP) adds to: x, or the normed x."""
        if self.config.residual == "standard":
            return x
        gamma, beta = (getattr(self, f"{name}{number}")[block] for name in ("gamma", "beta"))
        shape = (-1, *[1] * (x.ndim - 2), x.shape[-1])
        return torch.addcmul(beta.view(shape), x_hat, gamma.view(shape))


class FrozenEmbedding(Frozen):
    """Images to tokens in one product; a row of zeros stands where the class token joins with the positions."""

    def __init__(self, embed: Embedding, dtype: torch.dtype) -> None:
        super().__init__(embed.config, fold_embedding(embed), dtype)
        self.stem = FrozenConvolutions(embed, dtype) if self.config.stem == "conv" else None

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch tokens features"]:
        images = images.to(self.weight.dtype)
        patches = self.stem(images) if self.stem else cut_patches(images, self.config.patch_size)
        return F.linear(F.pad(patches, (0, 0, leading_tokens(self.config), 0)), self.weight).add_(self.positions)


class FrozenConvolutions(Frozen):
    """The convolutions of a stem, without a norm of their own."""

    def __init__(self, embed: Embedding, dtype: torch.dtype) -> None:
        super().__init__(embed.config, fold_convolutions(embed.proj), dtype)
        self.strides = [layer.stride for layer in convolutions(self.config)]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch patches features"]:
        x = images.contiguous(memory_format=torch.channels_last)
        for i, stride in enumerate(self.strides):
            weight, bias = getattr(self, f"weight{i}"), getattr(self, f"bias{i}")
            x = F.conv2d(x, weight, bias, stride=stride, padding=1).relu_()
        return x.permute(0, 2, 3, 1).flatten(1, 2)


class FrozenLevel(Frozen):
    """Every token of a level: x + attention(norm(x)), then x + MLP(norm(x)) (Wang & Li 2024, Fig. 2)."""

    def __init__(self, level: Level, config: ModelConfig, dtype: torch.dtype) -> None:
        super().__init__(config, fold_level(level, config), dtype)

    def forward(self, x: Tokens, block: slice) -> Tokens:
        x = self.attend(x, block)
        x_hat = self.standardize(x)
        skip = self.skip(x, x_hat, 2, block)
        return add_linear(skip, self.hidden(x_hat, block), self.fc2_weight[block], self.fc2_bias[block])

    def attend(self, x: Tokens, block: slice) -> Tokens:
        """x + attention(norm(x)). The heads of all branches of the block are heads of one attention call."""
        (shared_by, batch, tokens, width), x_hat = x.shape, self.standardize(x)
        weight, bias = self.qkv_weight[block], self.qkv_bias[block]
        if shared_by == 1:  # one x, so the products of all branches are one: their weights side by side
            qkv = F.linear(x_hat[0], weight.flatten(0, 1), bias.flatten())
        else:
            qkv = branch_linear(x_hat, weight, bias).flatten(0, 1)
        head_width = width // self.config.heads
        query, key, value = qkv.unflatten(-1, (-1, 3, head_width)).permute(3, 0, 2, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2)
        if shared_by == 1:
            mixed = mixed.reshape(batch, tokens, len(weight), width).permute(2, 0, 1, 3)
        else:
            mixed = mixed.reshape(shared_by, batch, tokens, width)
        return add_linear(self.skip(x, x_hat, 1, block), mixed, self.proj_weight[block], self.proj_bias[block])

    def hidden(self, x_hat: Tokens, block: slice) -> Float[Tensor, "branches batch tokens hidden"]:
        """sigma(h), the MLP's hidden units."""
        return gelu_(branch_linear(x_hat, self.fc1_weight[block], self.fc1_bias[block]))


class FrozenMeanReadOut(FrozenLevel):
    r"""The last level where the head reads the mean token: the second MLP product moves behind the mean,

    $$\tfrac1T \sum_t (y_t + W_3\,\sigma(h_t) + b_3) = \bar y + W_3\, \tfrac1T \sum_t \sigma(h_t) + b_3,$$

    and is one row per image in place of T. No other product commutes with the mean: a norm or sigma stands between.
    """

    def gather(self, x: Tokens, block: slice) -> tuple[Float[Tensor, "branches batch hidden"], Rows]:
        """What must see every token: the two means."""
        x = self.attend(x, block)
        x_hat = self.standardize(x)
        return self.hidden(x_hat, block).mean(2), self.skip(x, x_hat, 2, block).mean(2)

    def finish(self, hidden: Float[Tensor, "branches batch hidden"], row: Rows) -> Rows:
        """The rest, on one row per image of the first len(row) branches."""
        block = slice(len(row))
        return add_product_(row, hidden, self.fc2_weight[block], self.few_rows).add_(self.fc2_bias[block, None])


class FrozenClassReadOut(Frozen):
    """The last level where the head reads the class token: one query per image, no key or value per token.

    At depth 1 the class token is a constant row, and so is its query; deeper, each branch has made its own.
    """

    row_weights = ("query_weight", "value_weight", "proj_weight", "fc1_weight", "fc2_weight")
    second_weights = ("proj_weight", "fc2_weight")
    """those that multiply what another product of the same kernel of `fused.py` gives"""

    def __init__(self, level: Level, config: ModelConfig, dtype: torch.dtype, class_row: Tensor | None) -> None:
        super().__init__(config, fold_read_out(level, config, class_row), dtype)

    def gather(self, x: Tokens, block: slice) -> tuple[Rows, Float[Tensor, "branch_heads batch width"]]:
        """What attention adds to in the class token's row, its bias included, and sum_t p_t x_hat_t of each head."""
        x_hat = self.standardize(x)
        if self.config.depth == 1:
            return self.row[block], self._mix_shared(x_hat[0], block)
        row = self.skip(x[:, :, 0], x_hat[:, :, 0], 1, block)
        return row + self.proj_bias[block, None], self._mix(x_hat, block)

    def finish(self, row: Rows, mixed: Float[Tensor, "branch_heads batch width"]) -> Rows:
        """The rest, on one row per image of the first len(row) branches: values, projection, MLP."""
        block, of_heads = slice(len(row)), slice(len(mixed))
        values = multiply(mixed, self.value_weight[of_heads], self.few_rows)
        values = values.unflatten(0, (-1, self.config.heads)).transpose(1, 2).flatten(2)
        if self.config.depth == 1:  # a constant of the weights, to be left as it is
            row = multiply(values, self.proj_weight[block], self.few_rows).add_(row)
        else:
            row = add_product_(row, values, self.proj_weight[block], self.few_rows)
        row_hat = self.standardize(row)
        hidden = gelu_(batched(row_hat, self.fc1_weight[block], self.fc1_bias[block], self.few_rows))
        row = self.skip(row, row_hat, 2, block)
        return add_product_(row, hidden, self.fc2_weight[block], self.few_rows).add_(self.fc2_bias[block, None])

    def _mix_shared(
        self, x_hat: Float[Tensor, "batch tokens width"], block: slice
    ) -> Float[Tensor, "branch_heads batch width"]:
        """sum_t p_t x_hat_t of every head, from a constant query and tokens that all branches share."""
        batch = x_hat.shape[0]  # not len(): that would fix the batch of an exported network
        key_query = self.key_query[block].flatten(0, 1).expand(batch, -1, -1)
        return torch.bmm(torch.bmm(key_query, x_hat.mT).softmax(-1), x_hat).transpose(0, 1)

    def _mix(self, x_hat: Tokens, block: slice) -> Float[Tensor, "branch_heads batch width"]:
        """The same, from a query and tokens of each branch's own."""
        query = batched(x_hat[:, :, 0], self.query_weight[block], self.query_bias[block], self.few_rows)
        query = query.unflatten(-1, (self.config.heads, -1)).transpose(1, 2)
        key_query = torch.matmul(query, self.key_weight[block]).transpose(1, 2).flatten(0, 1)
        tokens = x_hat.flatten(0, 1)
        mixed = torch.bmm(torch.bmm(key_query, tokens.mT).softmax(-1), tokens)
        return mixed.unflatten(0, x_hat.shape[:2]).transpose(1, 2).flatten(0, 1)


def batched(
    x: Float[Tensor, "branches rows inputs"],
    weight: Float[Tensor, "branches outputs inputs"],
    bias: Float[Tensor, "branches outputs"],
    few_rows: int,
) -> Float[Tensor, "branches rows outputs"]:
    """W_j x_j + b_j for every row. The bias is added last: `baddbmm` would first write it out for every row."""
    return multiply(x, weight, few_rows).add_(bias[:, None])


def multiply(
    x: Float[Tensor, "branches rows inputs"], weight: Float[Tensor, "branches outputs inputs"], few_rows: int
) -> Float[Tensor, "branches rows outputs"]:
    """W_j x_j for every row, with W as the left factor where there are at most `few_rows`.

    Of few rows the product is bound by reading W, and on which side W is read fastest differs from CPU to CPU. On the
    left, rows are copied into plain order after it, since the next product is slow on any other.
    """
    rows = x.shape[1]
    few = isinstance(rows, int) and rows <= few_rows  # an exported open batch is not few
    return torch.bmm(weight, x.mT).mT.clone(memory_format=torch.contiguous_format) if few else torch.bmm(x, weight.mT)


def add_product_(
    total: Float[Tensor, "branches rows outputs"],
    x: Float[Tensor, "branches rows inputs"],
    weight: Float[Tensor, "branches outputs inputs"],
    few_rows: int,
) -> Float[Tensor, "branches rows outputs"]:
    """total + W_j x_j for every row. On a GPU the product itself adds, in place: one kernel in place of two."""
    return total.baddbmm_(x, weight.mT) if total.is_cuda else multiply(x, weight, few_rows).add_(total)


def add_linear(
    total: Float[Tensor, "#branches batch tokens outputs"],
    x: Float[Tensor, "branches batch tokens inputs"],
    weight: Float[Tensor, "branches outputs inputs"],
    bias: Float[Tensor, "branches outputs"],
) -> Float[Tensor, "branches batch tokens outputs"]:
    """total + W_j x_j + b_j for every token; on a GPU as in `add_product_`, onto a copy that has the bias."""
    if not total.is_cuda:
        return branch_linear(x, weight, bias).add_(total)
    total = total + bias[:, None, None]
    total.flatten(1, 2).baddbmm_(x.flatten(1, 2), weight.mT)
    return total


def branch_linear(
    x: Float[Tensor, "branches batch tokens inputs"],
    weight: Float[Tensor, "branches outputs inputs"],
    bias: Float[Tensor, "branches outputs"],
) -> Float[Tensor, "branches batch tokens outputs"]:
    """W_j x_j + b_j for every token; of one branch, an ordinary linear layer."""
    if len(weight) == 1:
        return F.linear(x[0], weight[0], bias[0])[None]
    return torch.bmm(x.flatten(1, 2), weight.mT).add_(bias[:, None]).unflatten(1, x.shape[1:3])

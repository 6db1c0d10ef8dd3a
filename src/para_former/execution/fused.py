"""The launches of `kernels.py`: tokens, read-out and logits of a few images for a prepared network.

The kernels expect contiguous weights, those of second products as [in, out]. `Prepared` lays them out so; in any other
order, which `.to(memory_format=...)` may give them, they are copied first.
"""

import torch
import triton
from jaxtyping import Float
from torch import Tensor

from para_former.execution import kernels
from para_former.execution.frozen import FrozenClassReadOut, FrozenEmbedding
from para_former.models.config import ModelConfig
from para_former.models.layers import EPSILON

WEIGHT_BYTES = 2**14  # that a program reads at once: 64 for each of its threads
SUM_NUMBERS = 2**13  # of the parts of a sum, likewise
WARPS = 8
REGISTERS = 128  # of a thread of `mlp`: two such programs fit a processor
MLP_PROGRAMS = 192  # for one image, that share the hidden units of all branches: an H200 holds 264 at once

power_of_2 = triton.next_power_of_2  # at least this number: what a block of a kernel may hold


def embed(
    part: FrozenEmbedding, images: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch tokens features"]:
    """What `part` computes, in one kernel; after a convolutional stem, PyTorch's."""
    if part.stem:
        return part(images)
    config, (width, pixels), batch = part.config, part.weight.shape, len(images)
    tokens = part.weight.new_empty(batch, config.tokens, width)
    block_t, block_d = 16, 32
    kernels.embed[triton.cdiv(config.tokens, block_t), triton.cdiv(width, block_d), batch](
        images, *_plain(part.weight, part.positions), tokens, *images.stride(),
        T=config.tokens, D=width, K=pixels, COLUMNS=config.grid[1], PATCH=config.patch_size,
        BLOCK_T=block_t, BLOCK_D=block_d, BLOCK_K=max(16, min(128, power_of_2(pixels))),
        PRECISION="ieee" if tokens.dtype == torch.float32 else "tf32",  # which holds every bfloat16 and float16
    )  # fmt: skip
    return tokens


def read_out(
    part: FrozenClassReadOut, tokens: Float[Tensor, "#branches batch tokens width"], branches: int
) -> Float[Tensor, "batch parts width"]:
    """`part` of the first `branches` branches, in parts whose sum is the sum over branches."""
    config, (_, batch, count, width), hidden = part.config, tokens.shape, part.fc1_weight.shape[1]
    heads, head_width = config.heads, width // config.heads
    rows, block = _tile(width, WEIGHT_BYTES // tokens.element_size())
    options = {"D": width, "HEADS": heads, "NORMED": config.residual == "normed", "EPSILON": EPSILON, "BLOCK_D": block}
    options |= {"num_warps": WARPS}

    def weights(*names: str) -> list[Tensor | None]:  # which there are depends on depth and residual
        return _plain(*(getattr(part, name, None) for name in names))

    attended = tokens.new_empty(batch, branches * heads, width, dtype=torch.float32)
    kernels.attend[batch, branches * heads](
        tokens.contiguous(), *weights("key_query", "query_weight", "query_bias", "key_weight", "gamma1", "beta1"),
        *weights("row" if config.depth == 1 else "proj_bias", "value_weight"), *_plain(part.proj_weight.mT), attended,
        T=count, SHARED=config.depth == 1, HEAD_WIDTH=head_width, BLOCK_T=rows, SLICE=min(rows, power_of_2(head_width)),
        **options,
    )  # fmt: skip
    few = min(rows, power_of_2(hidden))
    units = few * triton.cdiv(hidden, few * max(1, MLP_PROGRAMS // branches))
    blocks = triton.cdiv(hidden, units)
    outputs = attended.new_empty(batch, branches * blocks, width)
    kernels.mlp[batch, blocks, branches](
        attended, *weights("fc1_weight", "fc1_bias"), *_plain(part.fc2_weight.mT),
        *weights("fc2_bias", "gamma2", "beta2"), outputs,
        HIDDEN=hidden, BLOCK_HEADS=power_of_2(heads), UNITS=units, SLICE=few, maxnreg=REGISTERS, **options,
    )  # fmt: skip
    return outputs


def classify(
    outputs: Float[Tensor, "batch parts width"],
    inputs: Float[Tensor, " width"],
    norm: tuple[Tensor, Tensor],
    head: tuple[Tensor | None, Tensor | None],
    config: ModelConfig,
    branches: int,
) -> Float[Tensor, "batch outputs"]:
    """`merge`, norm and head of the sum of `outputs`; `inputs` is the class token that every branch reads."""
    (batch, parts, width), classes = outputs.shape, 0 if head[0] is None else len(head[0])
    rows, block = _tile(width, SUM_NUMBERS)
    logits = outputs.new_empty(batch, classes or width)
    scale = 1.0 / branches if config.merge == "mean" else 1.0
    repeated = branches - 1.0 if config.merge == "residual" else 0.0
    kernels.classify[batch, max(1, triton.cdiv(classes, rows))](
        outputs, *_plain(inputs, *norm, *head), logits, scale, repeated,
        D=width, PARTS=parts, CLASSES=classes, EPSILON=EPSILON,
        BLOCK_PARTS=rows, BLOCK_D=block, BLOCK_CLASSES=min(rows, power_of_2(max(1, classes))), num_warps=WARPS,
    )  # fmt: skip
    return logits


def _plain(*tensors: Tensor | None) -> list[Tensor | None]:
    """Each in the order of its axes, copied only if it lies otherwise."""
    return [tensor if tensor is None else tensor.contiguous() for tensor in tensors]


def _tile(width: int, numbers: int) -> tuple[int, int]:
    """Rows of `width` numbers that a program reads at once, and the numbers of each with what fills up its block."""
    block = power_of_2(width)
    return max(1, numbers // block), block

"""Serial networks that a user could run in place of a Para-Former, built to the same sizes.

timm's ViT is the measure of all; `read_out_only` and `encoder` are the same function by other means, with the same
weights. vit-pytorch's networks have the same sizes but other norms and no biases in the attention: another function.
"""

import importlib
import warnings
from types import ModuleType

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from para_former.errors import InputError
from para_former.models import ModelConfig
from para_former.models.layers import EPSILON
from para_former.models.stem import ConvStem
from para_former.models.weights import serial_vit as serial_vit_with_patches


def serial_vit(config: ModelConfig) -> VisionTransformer:
    """timm's ViT with as many layers, one after the other, and the same width, heads, patches, stem and read-out."""
    vit = serial_vit_with_patches(config)
    if config.stem == "conv":
        vit.patch_embed.proj, vit.patch_embed.flatten = ConvStem(config), False  # gives tokens, not a map
    return vit


def read_out_only(vit: VisionTransformer) -> VisionTransformer:
    """The ViT with its last block reduced to the class token, the one row that its head reads."""
    if vit.global_pool != "token":
        raise InputError("only a network that reads its class token out has a last block to reduce")
    vit.blocks[-1] = ReadOutBlock(vit.blocks[-1])
    return vit


class ReadOutBlock(nn.Module):
    """The first row of what timm's `block` makes: one query, keys and values of all tokens, the MLP on one row."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch 1 width"]:
        block, attn, width = self.block, self.block.attn, x.shape[-1]
        y = block.norm1(x)
        weight, bias = attn.qkv.weight, attn.qkv.bias
        q = F.linear(y[:, :1], weight[:width], bias[:width]).unflatten(-1, (attn.num_heads, -1)).transpose(1, 2)
        kv = F.linear(y, weight[width:], bias[width:]).unflatten(-1, (2, attn.num_heads, -1))
        mixed = F.scaled_dot_product_attention(q, *kv.permute(2, 0, 3, 1, 4))
        row = x[:, :1] + attn.proj(mixed.transpose(1, 2).flatten(2))
        return row + block.mlp(block.norm2(row))


def encoder(vit: VisionTransformer) -> VisionTransformer:
    """The ViT with torch.nn.TransformerEncoder for its blocks, which in inference takes PyTorch's fast path."""
    first = vit.blocks[0]
    width, heads, hidden = vit.embed_dim, first.attn.num_heads, first.mlp.fc1.out_features
    if heads % 2:
        warnings.warn(f"without the encoder's fast path: it takes an even number of heads, not {heads}", stacklevel=2)
    layer = nn.TransformerEncoderLayer(
        width, heads, hidden, dropout=0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True, norm_first=True
    )
    blocks = nn.TransformerEncoder(layer, len(vit.blocks), enable_nested_tensor=False)
    for ours, block in zip(blocks.layers, vit.blocks, strict=True):
        pairs = [
            (ours.self_attn.in_proj_weight, block.attn.qkv.weight),
            (ours.self_attn.in_proj_bias, block.attn.qkv.bias),
        ]
        modules = [
            (ours.self_attn.out_proj, block.attn.proj),
            (ours.linear1, block.mlp.fc1),
            (ours.linear2, block.mlp.fc2),
            (ours.norm1, block.norm1),
            (ours.norm2, block.norm2),
        ]
        pairs += [(a, b) for mine, its in modules for a, b in ((mine.weight, its.weight), (mine.bias, its.bias))]
        with torch.no_grad():
            for target, source in pairs:
                target.copy_(source)
    vit.blocks = blocks.to(first.norm1.weight)
    return vit.eval()


def vit_pytorch(config: ModelConfig) -> nn.Module:
    """vit-pytorch's ViT with as many layers."""
    return _vit_pytorch("vit").ViT(depth=config.layers, **_vit_pytorch_sizes(config))


def vit_pytorch_parallel(config: ModelConfig) -> nn.Module:
    """vit-pytorch's parallel ViT: m blocks of n/m attentions side by side, summed, then n/m MLPs, summed."""
    if config.pool == "mean":
        warnings.warn("it keeps a class token: one token more than the others", stacklevel=2)
    return _vit_pytorch("parallel_vit").ViT(
        depth=config.depth, num_parallel_branches=config.branches, **_vit_pytorch_sizes(config)
    )


def _vit_pytorch(module: str) -> ModuleType:
    try:
        return importlib.import_module(f"vit_pytorch.{module}")
    except ModuleNotFoundError:
        raise InputError("vit-pytorch is not installed; pip install 'para-former[bench]' adds it") from None


def _vit_pytorch_sizes(config: ModelConfig) -> dict[str, object]:
    return {
        "image_size": config.image_shape,
        "patch_size": config.patch_size,
        "channels": config.in_channels,
        "num_classes": config.num_classes,
        "dim": config.width,
        "heads": config.heads,
        "dim_head": config.width // config.heads,
        "mlp_dim": config.mlp_width,
        "pool": config.pool,
    }

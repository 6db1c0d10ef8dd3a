"""Pretrained ViTs for tests: a timm ViT written as Google publishes its own (Dosovitskiy et al. 2021), and a name."""

from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from para_former.models import ModelConfig
from para_former.models.weights import serial_vit
from tests.networks import small_config

PUBLISHED = small_config(depth=2, layers=2, image_size=16)  # of a file: 16 patches of 4x4 pixels
HUB_NAME = "test_vit.r160_in1k"  # timm's smallest ViT, with its own sizes
HUB_SIZES = {"depth": 6, "layers": 6, "width": 64, "heads": 2, "mlp_ratio": 3.0, "patch_size": 16}


def noisy_vit(config: ModelConfig) -> VisionTransformer:
    """timm's ViT of these sizes, in evaluation mode, with noise on every parameter."""
    torch.manual_seed(0)
    vit = serial_vit(config).eval()
    with torch.no_grad():
        for parameter in vit.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return vit


def google_arrays(vit: VisionTransformer) -> dict[str, np.ndarray]:
    """Every array of the published files; kernels are [inputs..., outputs...], heads have an axis of their own."""
    width, heads = vit.embed_dim, vit.blocks[0].attn.num_heads
    arrays: dict[str, Tensor] = {
        "cls": vit.cls_token,
        "embedding/kernel": vit.patch_embed.proj.weight.permute(2, 3, 1, 0),
        "embedding/bias": vit.patch_embed.proj.bias,
        "Transformer/posembed_input/pos_embedding": vit.pos_embed,
        "pre_logits/kernel": torch.randn(width, width),
        "pre_logits/bias": torch.randn(width),
        "head/kernel": vit.head.weight.T,
        "head/bias": vit.head.bias,
    }
    norms = {"Transformer/encoder_norm": vit.norm}
    for number, block in enumerate(vit.blocks):
        at = f"Transformer/encoderblock_{number}"
        norms |= {f"{at}/LayerNorm_0": block.norm1, f"{at}/LayerNorm_2": block.norm2}
        for layer, dense in enumerate((block.mlp.fc1, block.mlp.fc2)):
            arrays[f"{at}/MlpBlock_3/Dense_{layer}/kernel"] = dense.weight.T
            arrays[f"{at}/MlpBlock_3/Dense_{layer}/bias"] = dense.bias
        attention = f"{at}/MultiHeadDotProductAttention_1"
        for part, name in enumerate(("query", "key", "value")):
            rows = slice(part * width, (part + 1) * width)
            arrays[f"{attention}/{name}/kernel"] = block.attn.qkv.weight[rows].T.unflatten(1, (heads, -1))
            arrays[f"{attention}/{name}/bias"] = block.attn.qkv.bias[rows].unflatten(0, (heads, -1))
        arrays[f"{attention}/out/kernel"] = block.attn.proj.weight.T.unflatten(0, (heads, -1))
        arrays[f"{attention}/out/bias"] = block.attn.proj.bias
    for name, norm in norms.items():
        arrays |= {f"{name}/scale": norm.weight, f"{name}/bias": norm.bias}
    return {name: tensor.detach().numpy() for name, tensor in arrays.items()}


def write_google(path: Path, vit: VisionTransformer, **changed: np.ndarray | None) -> Path:
    """`vit` as a file; `changed` are other arrays, None for one left out."""
    arrays = {**google_arrays(vit), **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path

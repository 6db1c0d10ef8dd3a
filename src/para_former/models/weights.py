"""The same weights under other names: timm's ViT and back, and a choice of branches out of a network.

`from_timm` consumes every key and checks every shape. Module i of branch j is timm's block j*m + i, so a
serial ViT of n blocks is exactly Para-Former-n-n.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from para_former.errors import InputError
from para_former.models.config import ModelConfig
from para_former.models.outline import outline
from para_former.models.para_former import ParaFormer, expect_para_former


def serial_vit(config: ModelConfig) -> VisionTransformer:
    """timm's ViT with as many layers, one after the other, and the same width, heads, patches and read-out."""
    return VisionTransformer(
        img_size=config.image_shape,
        patch_size=config.patch_size,
        in_chans=config.in_channels,
        num_classes=config.num_classes,
        embed_dim=config.width,
        depth=config.layers,
        num_heads=config.heads,
        mlp_ratio=config.mlp_ratio,
        class_token=config.pool == "cls",
        global_pool="token" if config.pool == "cls" else "avg",
    )


def timm_names(name: str, config: ModelConfig) -> list[str]:
    """Where one of our parameters lives in timm: one name, or for a parameter of a level one name per branch."""
    if match := re.fullmatch(r"levels\.(\d+)\.(.+)", name):
        level, rest = int(match[1]), match[2]
        return [f"blocks.{branch * config.depth + level}.{rest}" for branch in range(config.branches)]
    return [name.replace("embed.proj.", "patch_embed.proj.").removeprefix("embed.")]


def to_timm(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """State dict of a `ParaFormer` -> state dict of timm's `VisionTransformer` with `layers` blocks."""
    if config.stem != "patch":
        raise InputError(f"stem: expected 'patch', the only one that timm's ViT has a place for, found {config.stem!r}")
    if config.residual != "standard":
        raise InputError(f"residual: expected 'standard', which timm's blocks compute, found {config.residual!r}")
    return under_timm_names(weights, config)


def under_timm_names(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The same for any stem: a convolutional one stands where timm's ViT has its patch projection."""
    renamed = {}
    for name, tensor in weights.items():
        parts = tensor if name.startswith("levels.") else [tensor]
        renamed.update(zip(timm_names(name, config), parts, strict=True))
    return renamed


def from_timm(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """State dict of timm's `VisionTransformer` -> state dict of `ParaFormer(config)`; n blocks become n/m branches."""
    expected = outline(config).state_dict()
    sources = {name: timm_names(name, config) for name in expected}
    known = {source for names in sources.values() for source in names}
    network = f"Para-F-{config.depth}-{config.layers} with read-out {config.pool!r} and stem {config.stem!r}"
    if extra := sorted(set(weights) - known):
        raise InputError(f"weights: {extra[0]!r} has no place in {network} ({len(extra)} such names)")
    if missing := sorted(known - set(weights)):
        raise InputError(f"weights: {missing[0]!r} is missing for {network} ({len(missing)} such names)")
    renamed = {}
    for name, names in sources.items():
        stacked = name.startswith("levels.")
        wanted = expected[name].shape[1:] if stacked else expected[name].shape
        for source in names:
            if weights[source].shape != wanted:
                shapes = f"expected shape {list(wanted)}, found {list(weights[source].shape)}"
                raise InputError(f"weights: {source!r} as {name}: {shapes}")
        renamed[name] = torch.stack([weights[source] for source in names]) if stacked else weights[names[0]]
    return renamed


def select_branches(model: ParaFormer, branches: Sequence[int]) -> ParaFormer:
    """A new network of the given branches, in the given order, with copies of their weights."""
    model = expect_para_former(model)
    config = model.config
    for branch in branches:
        if not 0 <= branch < config.branches:
            raise InputError(f"branches: expected numbers from 0 to {config.branches - 1}, found {branch}")
    if len(branches) == 0:
        raise InputError("branches: expected at least one, found none")
    chosen = outline(replace(config, layers=len(branches) * config.depth))
    chosen.head = deepcopy(model.head)
    weights = model.state_dict()
    index = torch.tensor(list(branches), device=model.embed.pos_embed.device)
    copies = {name: v[index] if name.startswith("levels.") else v.clone() for name, v in weights.items()}
    chosen.load_state_dict(copies, assign=True)  # each in its own number format
    for copied, own in zip(chosen.parameters(), model.parameters(), strict=True):
        copied.requires_grad_(own.requires_grad)
    return chosen.train(model.training)

"""What a network of some configuration is made of, without any of it: names, shapes and numbers of parameters."""

import torch

from para_former.models.config import ModelConfig
from para_former.models.para_former import ParaFormer


def outline(config: ModelConfig) -> ParaFormer:
    """`ParaFormer(config)` on the device "meta": every tensor has its shape and none has numbers."""
    with torch.device("meta"):
        return ParaFormer(config)


def count_parameters(model: ParaFormer) -> int:
    return sum(parameter.numel() for parameter in model.parameters())

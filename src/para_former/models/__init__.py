"""The networks. Axes of tensors, here and above: branches, batch, tokens, width, heads, head_width."""

from para_former.models.config import ModelConfig
from para_former.models.naming import create_model, model_config
from para_former.models.para_former import ParaFormer
from para_former.models.saving import load, save
from para_former.models.weights import from_timm, select_branches, to_timm

__all__ = [
    "ModelConfig",
    "ParaFormer",
    "create_model",
    "from_timm",
    "load",
    "model_config",
    "save",
    "select_branches",
    "to_timm",
]

"""From a name to a network: `para_former_2_24` is m = 2, n = 24 at width 192; `para_former_base_2_24` at width 768.

Any m-n with m dividing n has a name. timm's registry wants its names listed beforehand, so it gets those of the usual
layer counts, the paper's among them; `timm.create_model` then takes timm's own argument names.
"""

import re
import sys

import torch
from timm.models import build_model_with_cfg, register_model

from para_former.errors import InputError
from para_former.models.config import ModelConfig
from para_former.models.para_former import ParaFormer

SIZES = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}  # width, heads: ViT's (Touvron et al. 2021, Table 1)
SIZED = re.compile(rf"para_former_({'|'.join(SIZES)})_")
"""names that say their size"""
TIMM_LAYERS = (1, 2, 3, 6, 12, 24)

__all__ = ["create_model", "model_config"]
default_cfgs: dict[str, dict] = {}


def model_config(name: str, **overrides: object) -> ModelConfig:
    """The configuration a name stands for; `overrides` are fields of `ModelConfig`."""
    match = re.fullmatch(rf"para_former_(?:({'|'.join(SIZES)})_)?(\d+)_(\d+)", name)
    if match is None:
        raise InputError(
            f"unknown model {name!r}: expected para_former_M_N (M modules deep, N in all), such as para_former_2_24,"
            f" or with a size: para_former_{{{','.join(SIZES)}}}_M_N"
        )
    size, depth, layers = match.groups()
    width, heads = SIZES[size or "tiny"]
    sizes = {"depth": int(depth), "layers": int(layers), "width": width, "heads": heads}
    try:
        return ModelConfig(**{**sizes, **overrides})
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def create_model(name: str, **overrides: object) -> ParaFormer:
    """A freshly initialised network: `create_model("para_former_2_24", num_classes=100, image_size=64)`.

    `overrides` are fields of `ModelConfig`. InputError for a name or sizes that make no network.
    """
    return ParaFormer(model_config(name, **overrides))


def _from_timm_arguments(
    name: str,
    *,
    img_size: int | tuple[int, int] | list = 32,
    patch_size: int = 4,
    in_chans: int = 3,
    num_classes: int = 1000,
    global_pool: str = "token",
    drop_rate: float = 0.0,
    proj_drop_rate: float = 0.0,
    attn_drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    **overrides: object,
) -> ParaFormer:
    pools = {"token": "cls", "avg": "mean"}
    if global_pool not in pools:
        raise InputError(f"global_pool: expected one of {', '.join(pools)}, found {global_pool!r}")
    square = not isinstance(img_size, int) and len(set(img_size)) == 1
    return create_model(
        name,
        image_size=img_size[0] if square else img_size,
        patch_size=patch_size,
        in_channels=in_chans,
        num_classes=num_classes,
        pool=pools[global_pool],
        head_dropout=drop_rate,
        dropout=proj_drop_rate,
        attention_dropout=attn_drop_rate,
        drop_path=drop_path_rate,
        **overrides,
    ).to(device=device, dtype=dtype)


def _register_with_timm(name: str) -> None:
    def entry_point(pretrained: bool = False, **arguments: object) -> ParaFormer:
        def build(**from_timm: object) -> ParaFormer:
            return _from_timm_arguments(name, **from_timm)

        return build_model_with_cfg(build, name, pretrained, **arguments)

    entry_point.__name__ = entry_point.__qualname__ = name
    entry_point.__module__ = __name__
    default_cfgs[name] = {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, 32, 32),
        "fixed_input_size": True,  # so timm builds at the size that its data config and an exported network say
        "pool_size": None,
        "crop_pct": 1.0,
        "interpolation": "bicubic",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "first_conv": "embed.proj",
        "classifier": "head",
        "license": "apache-2.0",
    }
    setattr(sys.modules[__name__], name, register_model(entry_point))


for _layers in TIMM_LAYERS:
    for _depth in (m for m in range(1, _layers + 1) if _layers % m == 0):
        for _size in ("", *(f"{size}_" for size in SIZES)):
            _register_with_timm(f"para_former_{_size}{_depth}_{_layers}")

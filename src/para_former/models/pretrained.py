"""Weights for a network to begin with: from timm's hub, a file of Google's, a safetensors file, or a run of ours.

Reading Google's layout and resizing positions and patches is timm's work. Here is told which of its functions reads
what, whether the weights fit, and where they go. Putting them into a network is `training/start.py`.
"""

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import timm
import torch
from timm.models import adapt_input_conv
from timm.models.vision_transformer import Block, VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from para_former.errors import InputError, first_line
from para_former.models.config import ModelConfig
from para_former.models.naming import SIZES
from para_former.models.saving import CONFIG_FILE, load, read_tensors
from para_former.models.weights import from_timm, serial_vit, under_timm_names

HUB = "timm:"
PLAIN = {"residual": "standard", "stem": "patch"}
"""of every ViT that is not one of our folders"""
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNREADABLE = (LookupError, TypeError, ValueError, RuntimeError, EOFError, OSError, ArithmeticError, MemoryError)
UNREADABLE += (AttributeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)

Normalization = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """Weights that fit a network, and the images that they were trained to see."""

    weights: dict[str, Tensor]
    """Under the names of a `ParaFormer`; without a head where the number of classes differs."""
    normalization: Normalization | None
    """Mean and std of each channel, pixels in [0, 1], as the inputs were normalised; None where nothing says so."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What was read: timm's names, at the pixels, patches and channels of the network to be."""

    weights: Mapping[str, Tensor]
    sizes: Mapping[str, object]
    """Fields of `ModelConfig` in which the network to be must agree, or the weights would mean something else."""
    normalization: Normalization | None


def read_pretrained(source: str, config: ModelConfig) -> Pretrained:
    """Weights for `ParaFormer(config)`: block j*m + i of a serial ViT becomes branch j of level i.

    `source` is timm:NAME for a ViT on timm's hub, a .npz file of Google's (Dosovitskiy et al. 2021), a .safetensors
    file in timm's names, or the folder of a run or of `pf.save`. The result is what timm makes of the same weights at
    the same size: positions and patches resized, colour channels added up, Google's `pre_logits` left out.
    `InputError`, in one line that names the source: it cannot be read, is no plain ViT, or has other sizes.
    """
    path = Path(source)
    try:
        found = _read(source, path, config)
        _expect_fit(found.sizes, config)
        return Pretrained(weights=_without_foreign_head(found.weights, config), normalization=found.normalization)
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error
    except UNREADABLE as error:
        raise InputError(f"{path}: not the weights of a plain ViT: {first_line(error)}") from error


def _read(source: str, path: Path, config: ModelConfig) -> _Source:
    if source.startswith(HUB):
        return _from_hub(source.removeprefix(HUB), config)
    if path.is_dir():
        return _from_run(path, config)
    if path.suffix == ".npz" and path.exists():
        return _from_google(path, config)
    if path.suffix == ".safetensors" and path.exists():
        if path.with_name(CONFIG_FILE).exists():
            said = f"which says more by its {CONFIG_FILE} ({HUB}local-dir:FOLDER for timm's)"
            raise InputError(f"expected the folder around it, {said}, found the file alone")
        weights = read_tensors(path)
        return _Source(sizes=_sizes(weights), weights=_resized(weights, config), normalization=HALF)
    found = "another file" if path.exists() else "nothing there"
    raise InputError(f"expected {HUB}NAME, a .npz or .safetensors file, or the folder of a run, found {found}")


def _from_hub(name: str, config: ModelConfig) -> _Source:
    with torch.device("meta"):
        vit = _timm_model(name)
    kind = type(vit.blocks[0]) if type(vit) is VisionTransformer else type(vit)
    if kind is not Block:
        raise InputError(f"expected a plain ViT of timm's, found {kind.__name__}")
    sizes = {**_sizes(vit.state_dict()), "heads": vit.blocks[0].attn.num_heads}
    _expect_fit(sizes, config)  # before hundreds of megabytes are fetched
    at = {"img_size": config.image_shape, "patch_size": config.patch_size, "in_chans": config.in_channels}
    vit = _timm_model(name, pretrained=True, **at)
    normalization = tuple(vit.pretrained_cfg["mean"]), tuple(vit.pretrained_cfg["std"])
    return _Source(weights=vit.state_dict(), sizes=sizes, normalization=normalization)


def _timm_model(name: str, **arguments: object) -> nn.Module:
    try:
        return timm.create_model(name, **arguments)
    except Exception as error:  # timm's own errors, the hub's and those of its client have no class in common
        raise InputError(f"timm cannot load it: {first_line(error)}") from error


def _from_google(path: Path, config: ModelConfig) -> _Source:
    """Through a serial ViT of as many blocks, since timm fills what it is given and passes over further ones."""
    if not zipfile.is_zipfile(path):
        raise InputError("not a whole .npz file")
    with path.open("rb") as file:  # opened here, so that it is closed where timm fails on it
        arrays = np.load(file, allow_pickle=False)
        if "conv_root/kernel" in arrays:
            raise InputError("expected a plain ViT, found a hybrid with a ResNet before it")
        block = "Transformer/encoderblock_0"
        width, heads, _ = arrays[f"{block}/MultiHeadDotProductAttention_1/query/kernel"].shape
        mlp_width = len(arrays[f"{block}/MlpBlock_3/Dense_0/bias"])
        layers = sum(name.endswith("/LayerNorm_0/scale") for name in arrays)
        classes = len(arrays["head/bias"]) if "head/bias" in arrays else 0
        sizes = {"layers": layers, "width": width, "mlp_width": mlp_width, "pool": "cls", **PLAIN, "heads": heads}
        _expect_fit(sizes, config)  # before anything of these sizes is built
        vit = serial_vit(replace(config, depth=layers, num_classes=classes))
        file.seek(0)
        with _WholeCopies():
            vit.load_pretrained(file)
    return _Source(weights=vit.state_dict(), sizes=sizes, normalization=HALF)


class _WholeCopies(TorchFunctionMode):
    """Refuses to fill a tensor from one of another shape: timm copies arrays, and PyTorch repeats their axes of 1."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        if function is torch.Tensor.copy_ and arguments[0].shape != arguments[1].shape:
            wanted, found = (list(tensor.shape) for tensor in arguments[:2])
            raise ValueError(f"expected an array of shape {wanted}, found {found}")
        return function(*arguments, **(named or {}))


def _from_run(folder: Path, config: ModelConfig) -> _Source:
    """A serial network may be cut into branches; one that has branches is taken as it is, and so are convolutions."""
    model = load(folder)
    own = model.config
    names = ("layers", "width", "heads", "mlp_width", "pool", "residual", "stem")
    names += ("depth", "merge") if own.branches > 1 else ()
    names += ("patch_size", "in_channels") if own.stem == "conv" else ()
    weights = under_timm_names(model.state_dict(), own)
    patches = torch.zeros(own.width, own.in_channels, own.patch_size, own.patch_size)  # tell timm how positions lie
    resized = _resized({"patch_embed.proj.weight": patches, **weights}, config, own.image_shape)
    weights = {name: tensor for name, tensor in resized.items() if name in weights}  # none behind convolutions
    return _Source(weights=weights, sizes={name: getattr(own, name) for name in names}, normalization=None)


def _resized(
    weights: Mapping[str, Tensor], config: ModelConfig, image_shape: tuple[int, int] = (224, 224)
) -> dict[str, Tensor]:
    """What timm makes of loaded weights in a ViT of `config`'s pixels, patches and channels; they saw `image_shape`."""
    with torch.device("meta"):
        vit = serial_vit(config)
    vit.pretrained_cfg = {"input_size": (config.in_channels, *image_shape)}
    resized = checkpoint_filter_fn(dict(weights), vit)
    if (kernel := resized.get("patch_embed.proj.weight")) is not None:  # what a file lacks is told later
        kernel = adapt_input_conv(config.in_channels, kernel, base_chans=kernel.shape[1])
        resized["patch_embed.proj.weight"] = kernel
    return resized


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, object]:
    """What the shapes in timm's names tell; the number of heads is not among it."""
    if missing := [name for name in ("pos_embed", "blocks.0.mlp.fc1.bias") if name not in weights]:
        found = min(weights, default="nothing")
        raise InputError(f"expected a ViT in timm's names, {missing[0]!r} among them, found {found!r} and others")
    return {
        "layers": len({name.split(".")[1] for name in weights if name.startswith("blocks.")}),
        "width": weights["pos_embed"].shape[-1],
        "mlp_width": len(weights["blocks.0.mlp.fc1.bias"]),
        "pool": "cls" if "cls_token" in weights else "mean",
        **PLAIN,
    }


def _expect_fit(sizes: Mapping[str, object], config: ModelConfig) -> None:
    wanted = {name: getattr(config, name) for name, value in sizes.items() if getattr(config, name) != value}
    if not wanted:
        return
    found = {name: sizes[name] for name in wanted}
    expected, found = (", ".join(f"{name} {value}" for name, value in side.items()) for side in (wanted, found))
    raise InputError(f"expected the network's {expected}, found {found}{_hint(sizes, config)}")


def _hint(sizes: Mapping[str, object], config: ModelConfig) -> str:
    """The name of a network that the weights fit, where another name is all that it takes."""
    size = next((size for size, (width, _) in SIZES.items() if width == sizes["width"]), None)
    if size is None:
        return ""
    layers = sizes["layers"]
    depth = sizes.get("depth", config.depth if layers % config.depth == 0 else layers)
    heads = config.heads if sizes["width"] == config.width else SIZES[size][1]
    hinted = replace(config, depth=depth, layers=layers, width=sizes["width"], heads=heads)
    if any(getattr(hinted, name) != value for name, value in sizes.items()):
        return ""
    return f"; para_former_{'' if size == 'tiny' else f'{size}_'}{depth}_{layers} would fit"


def _without_foreign_head(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Our names; a head of another number of classes is left behind, as timm does."""
    if len(weights.get("head.bias", ())) == config.num_classes:
        return from_timm(weights, config)
    body = {name: tensor for name, tensor in weights.items() if not name.startswith("head.")}
    return from_timm(body, replace(config, num_classes=0))

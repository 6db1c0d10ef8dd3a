"""Small networks for tests, with weights large enough that every part of them matters."""

import torch
from hypothesis import strategies as st

from para_former.models import ModelConfig, ParaFormer


def small_config(**fields: object) -> ModelConfig:
    """Para-F-m-n at 8x8 pixels: 4 patches, width 24; `fields` override."""
    sizes = {"depth": 1, "layers": 6, "image_size": 8, "patch_size": 4, "width": 24, "heads": 3, "num_classes": 5}
    return ModelConfig(**{**sizes, **fields})


def small_network(dtype: torch.dtype = torch.float64, **fields: object) -> ParaFormer:
    """A network in evaluation mode whose every parameter has noise added, norms of a stem at statistics of images."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    model = ParaFormer(small_config(**fields)).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=dtype)
        if model.config.stem == "conv":
            _settle(model)
    return model


def _settle(model: ParaFormer) -> None:
    """Let the stem's BatchNorms take over the statistics of one batch, so that no channel is off for every image."""
    stem = model.embed.proj.train()
    momenta = [norm.momentum for norm in stem.norms]
    for norm in stem.norms:
        norm.momentum = 1.0
    stem(images_for(model, 8))
    for norm, momentum in zip(stem.norms, momenta, strict=True):
        norm.momentum = momentum
    stem.eval()


def images_for(model: ParaFormer, batch: int = 3) -> torch.Tensor:
    """Random images of the network's size and dtype."""
    config = model.config
    generator = torch.Generator().manual_seed(2)
    shape = (batch, config.in_channels, *config.image_shape)
    return torch.randn(shape, generator=generator, dtype=model.embed.pos_embed.dtype)


@st.composite
def network_fields(draw: st.DrawFn, most_branches: int = 4) -> dict[str, object]:
    """Fields of any small network: shapes that divide nothing in particular, and every option of the forward pass."""
    depth, heads, stem = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from(["patch", "conv"]))
    patch_size = draw(st.integers(1, 3) if stem == "patch" else st.sampled_from([2, 4]))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return {
        "depth": depth,
        "layers": depth * draw(st.integers(1, most_branches)),
        "heads": heads,
        "width": heads * draw(st.integers(2, 6)),
        "image_size": (rows * patch_size, columns * patch_size),
        "patch_size": patch_size,
        "stem": stem,
        "in_channels": draw(st.integers(1, 4)),
        "num_classes": draw(st.integers(0, 3)),
        "pool": draw(st.sampled_from(["cls", "mean"])),
        "merge": draw(st.sampled_from(["sum", "mean", "residual"])),
        "residual": draw(st.sampled_from(["standard", "normed"])),
    }

"""What a user could run in place of a Para-Former, built to the same sizes."""

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from para_former.models import ModelConfig


def serial_vit(config: ModelConfig) -> nn.Module:
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

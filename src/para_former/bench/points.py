"""One point of a benchmark: a network, its input, what is computed, and who competes."""

from dataclasses import dataclass
from typing import Literal

import torch

from para_former.models.config import ModelConfig, Pool

HEAD_WIDTH = 64  # as in ViT-Tiny, -Small and -Base


@dataclass(frozen=True, kw_only=True)
class Point:
    """Para-F-m-n on a batch of images, and the contenders timed on it in one run. A peer has as many layers in all."""

    depth: int = 1
    layers: int = 24
    width: int = 192
    image_size: int = 32
    patch_size: int = 4
    pool: Pool = "cls"
    batch: int = 1
    dtype: Literal["float32", "bfloat16"] = "float32"
    mode: Literal["inference", "training"] = "inference"
    contenders: tuple[str, ...] = ("serial", "prepared")

    @property
    def config(self) -> ModelConfig:
        return ModelConfig(
            depth=self.depth,
            layers=self.layers,
            width=self.width,
            heads=self.width // HEAD_WIDTH,
            image_size=self.image_size,
            patch_size=self.patch_size,
            pool=self.pool,
        )

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)

    @property
    def baseline(self) -> str:
        """Whose time is divided by everybody's."""
        return "serial" if "serial" in self.contenders else "loop"

    @property
    def setting(self) -> dict[str, object]:
        """All of the point but its contenders, as it stands in a record."""
        return {
            "mode": self.mode,
            "depth": self.depth,
            "layers": self.layers,
            "width": self.width,
            "heads": self.config.heads,
            "tokens": self.config.tokens,
            "image_size": self.image_size,
            "patch_size": self.patch_size,
            "pool": self.pool,
            "batch": self.batch,
            "dtype": self.dtype,
        }


def flops(config: ModelConfig) -> float:
    """Floating-point operations of one image through all layers, every token computed: 2 n T (4 D^2 + 2 D M + 2 T D).

    M is the hidden width of the MLP; embedding and head are left out.
    """
    n, t, d = config.layers, config.tokens, config.width
    return 2.0 * n * t * (4 * d**2 + 2 * d * config.mlp_width + 2 * t * d)

"""The idea of the paper on one screen: branches side by side over one embedded image, then their sum.

    x -> embedding -> { branch_1, ..., branch_{n/m} } -> merge -> norm -> head
    branch_j = module_{j,m} o ... o module_{j,1}

The loop in `forward_branches` runs over the m levels, never over the n modules: a level holds the i-th module of every
branch and computes them together, so the sequential steps are m whatever n is. Source: Wang & Li 2024, Sec. 3.2.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from para_former.errors import InputError
from para_former.models.config import ModelConfig
from para_former.models.embedding import Embedding
from para_former.models.layers import EPSILON, BranchLinear, Level

Images = Float[Tensor, "batch channels image_height image_width"]
Merged = Float[Tensor, "batch tokens width"]


class ParaFormer(nn.Module):
    """Images [batch, channels, height, width] -> logits [batch, num_classes]. Method names are timm's.

        logits = head(norm(read_out(sum_j branch_j(x)))),    x = embed(images)

    InputError for images of another shape or of whole numbers.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.num_features = self.embed_dim = self.head_hidden_size = config.width
        self.grad_checkpointing = False
        self.embed = Embedding(config)
        self.levels = nn.ModuleList(Level(config, level) for level in range(config.depth))
        norm = nn.LayerNorm(config.width, eps=EPSILON)
        self.norm, self.fc_norm = (norm, nn.Identity()) if config.pool == "cls" else (nn.Identity(), norm)
        self.head = _classifier(config)
        initialize(self)

    def forward(self, images: Images) -> Float[Tensor, "batch outputs"]:
        return self.forward_head(self.norm(self._merged(images, read_out_only=self.config.pool == "cls")))

    def forward_features(self, images: Images) -> Merged:
        """Every merged token, where `forward` computes only what the head reads."""
        return self.norm(self._merged(images, read_out_only=False))

    def forward_head(self, x: Merged, pre_logits: bool = False) -> Float[Tensor, "batch outputs"]:
        """Read-out and head: merged tokens -> logits, or the read-out itself with `pre_logits`."""
        row = self.fc_norm(x[:, 0] if self.config.pool == "cls" else x.mean(1))
        row = F.dropout(row, self.config.head_dropout, self.training)
        return row if pre_logits else self.head(row)

    def _merged(self, images: Images, read_out_only: bool) -> Merged:
        x, inputs = self.forward_branches(images, read_out_only)
        return merge(x, inputs, self.config).to(x.dtype)

    def forward_branches(self, images: Images, read_out_only: bool) -> tuple[Tensor, Tensor]:
        """What each branch gives the merge [branches, batch, tokens, width], and x [1, ...], which they all read."""
        x = inputs = self.embed(images)[None]
        *inner, last = self.levels
        for level in inner:
            x = self._run(level, x)  # [branches, batch, tokens, width]
        if read_out_only:
            x, inputs = self._run(last, x, self._class_row(x)), inputs[:, :, :1]
        else:
            x = self._run(last, x)
        return x, inputs

    @property
    def last_norm(self) -> nn.LayerNorm:
        """The one norm between branches and head; timm calls it `norm` before a class token, `fc_norm` after a mean."""
        return self.norm if self.config.pool == "cls" else self.fc_norm

    def _class_row(self, x: Tensor) -> Tensor:
        """At depth 1, without dropout, nothing has touched the class token yet: one constant row, one query."""
        constant = self.config.depth == 1 and not (self.training and self.config.dropout > 0)
        return self.embed.class_row()[None] if constant else x[:, :, :1]

    def _run(self, part: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        if self.grad_checkpointing and self.training:
            return checkpoint(part, *inputs, use_reentrant=False)
        return part(*inputs)

    # What timm's tools call on a model; nothing of the idea is below this line.

    @property
    def num_classes(self) -> int:
        return self.config.num_classes

    @property
    def in_chans(self) -> int:
        return self.config.in_channels

    def get_classifier(self) -> nn.Module:
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: Literal["token", "avg"] | None = None) -> None:
        """A fresh head; the read-out is part of the weights' shape (class token, norm), so it stays what it is."""
        own_pool = "token" if self.config.pool == "cls" else "avg"
        if global_pool not in (None, own_pool):
            raise InputError(
                f"global_pool: expected {own_pool!r}, which the network was built with, found {global_pool!r}"
            )
        self.config = replace(self.config, num_classes=num_classes)
        self.head = _classifier(self.config).to(self.embed.pos_embed).train(self.training)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Recompute each level in the backward pass: activations of one level in memory in place of m."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """All but the weights of products: timm goes by a parameter's axes, and ours have that of the branches more."""
        return {name for name, _ in self.named_parameters() if not is_product(name)}

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        return {"stem": r"^embed", "blocks": [(r"^levels\.(\d+)", None), (r"^norm|^fc_norm", (99999,))]}


def is_product(name: str) -> bool:
    """Whether a parameter is the weight of a product, which weight decay acts on: no bias, norm or token."""
    return name.endswith(".weight") and "norm" not in name


def merge(
    x: Float[Tensor, "branches batch tokens width"], inputs: Float[Tensor, "1 batch tokens width"], config: ModelConfig
) -> Merged:
    """Where the branches meet, summed in float32 or better: x enters the plain sum once per branch, and sums round."""
    total = x.sum(0, dtype=torch.promote_types(x.dtype, torch.float32))
    if config.merge == "mean":
        total = total / len(x)
    elif config.merge == "residual":
        total = total - (len(x) - 1) * inputs[0].to(total.dtype)
    return total


def initialize(model: ParaFormer) -> None:
    """Weights as timm's ViT: products and positions ~ truncated N(0, 0.02^2), biases 0, class token ~ N(0, 1e-6^2).

    The patch projection keeps PyTorch's initialisation of a convolution, as there.
    """
    for module in model.modules():
        if isinstance(module, BranchLinear | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    nn.init.trunc_normal_(model.embed.pos_embed, std=0.02)
    if model.embed.cls_token is not None:
        nn.init.normal_(model.embed.cls_token, std=1e-6)


def _classifier(config: ModelConfig) -> nn.Module:
    """timm's convention: with 0 classes the head is the identity; a head made later starts at zero bias as well."""
    if config.num_classes == 0:
        return nn.Identity()
    head = nn.Linear(config.width, config.num_classes)
    nn.init.trunc_normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


def linear_head(model: ParaFormer) -> tuple[Tensor, Tensor] | None:
    """Weight [outputs, width] and bias of the head, whoever put it there; None for the identity. Else InputError."""
    head = model.head
    if isinstance(head, nn.Identity):
        return None
    if isinstance(head, nn.Linear):
        return head.weight, head.weight.new_zeros(len(head.weight)) if head.bias is None else head.bias
    raise InputError(f"head: expected one linear map, or none, found {type(head).__name__}")


def expect_para_former(model: object) -> ParaFormer:
    """`model`, or the network that torch.compile was given. InputError for any other model."""
    model = getattr(model, "_orig_mod", model)
    if not isinstance(model, ParaFormer):
        way = "the weights of a timm ViT go into one by para_former.models.from_timm, see docs/timm.md"
        raise InputError(f"model: expected a ParaFormer, found {type(model).__name__}; {way}")
    return model

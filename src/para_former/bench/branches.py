"""A Para-Former's branches as others run them, around timm's embedding, norm and head. Same weights, same function."""

from collections.abc import Callable
from copy import deepcopy

import torch
from jaxtyping import Float
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from para_former.models import ModelConfig

Tokens = Float[Tensor, "batch tokens width"]


def with_branches(
    vit: VisionTransformer, config: ModelConfig, way: Callable[[list[nn.Module]], nn.Module]
) -> VisionTransformer:
    """The n blocks of a serial ViT as n/m branches in a `Loop` or `Vmap`: blocks j*m to j*m + m - 1 make branch j."""
    blocks, depth = list(vit.blocks), config.depth
    vit.blocks = way([nn.Sequential(*blocks[start : start + depth]) for start in range(0, config.layers, depth)])
    return vit


class Loop(nn.Module):
    """Stack and sum, as timm's parallel blocks and the later code of the paper's authors do."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tokens) -> Tokens:
        return torch.stack([branch(x) for branch in self.branches]).sum(0)


class Vmap(nn.Module):
    """One branch without weights of its own, mapped over the stacked weights of all branches (torch.func)."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.weights, _ = torch.func.stack_module_state(branches)
        self.branch = deepcopy(branches[0]).to("meta")

    def forward(self, x: Tokens) -> Tokens:
        def run(weights: dict[str, Tensor]) -> Tensor:
            return torch.func.functional_call(self.branch, weights, (x,))

        return torch.vmap(run)(self.weights).sum(0)

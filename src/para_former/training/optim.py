"""The optimiser and its schedule. The learning rate is a pure function of the step, so that resuming cannot bend it."""

import math

import torch
from torch import nn

from para_former.training.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019); weight decay on the weights of products, not on biases, norms or tokens."""
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        is_product = name.endswith(".weight") and "norm" not in name
        (decayed if is_product else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, fused=True)


def learning_rate(step: int, *, peak: float, warmup: int, total: int) -> float:
    """Linear from peak / warmup at step 0 to peak, then peak (1 + cos(pi t)) / 2 with t from 0 to 1 at step `total`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))) / 2

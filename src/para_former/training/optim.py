"""The optimiser and its schedules. Learning rate and decay of the average are pure functions of the step, so that
resuming cannot bend them.
"""

import math

import torch
from torch import nn

from para_former.models.para_former import is_product
from para_former.training.config import Schedule, TrainConfig

SGD_MOMENTUM = 0.9


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), Adam or SGD with momentum 0.9.

    Weight decay acts on the weights of products, not on biases, norms or tokens; Adam's is the L2 penalty. On a GPU the
    rate is a tensor there, and so is Adam's count of steps: a recorded step (`graphed.py`) finds them where they were.
    SGD's fused kernel begins with whatever lies in memory where fp16 overflows in its first step, so there it is not.
    """
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        (decayed if is_product(name) else plain).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"
    lr = torch.tensor(config.lr, device=device) if on_gpu else config.lr
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=SGD_MOMENTUM, fused=config.precision != "fp16")
    optimizer = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return optimizer(groups, lr=lr, fused=True, capturable=on_gpu)


def learning_rate(step: int, *, peak: float, warmup: int, total: int, schedule: Schedule) -> float:
    """Linear warm-up from peak / warmup at step 0, then the peak itself or a cosine that is 0 at step `total`:

    peak (1 + cos(pi t)) / 2,   t = (step - warmup) / (total - warmup).
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))) / 2


def average_decay(updates: int, *, most: float) -> float:
    """min(most, (1 + t) / (10 + t)) after t updates of the average (TensorFlow's ExponentialMovingAverage).

    Until `most` is reached the average is over about the last ninth of the steps so far: without the warm-up a run of
    fewer steps than 1 / (1 - most) would end with weights near those of its first step.
    """
    return min(most, (1 + updates) / (10 + updates))

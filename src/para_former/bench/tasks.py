"""What a contender is asked to do, and how far what it did is from the plain loop.

`Inference` is one forward pass, `Training` one forward and backward pass. Both hold one network with its weights, in
float32, and one batch; contenders are built from them (`contenders.py`), and all of them compute with the same weights.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from para_former.bench.points import flops
from para_former.execution import reference
from para_former.models import ModelConfig, ParaFormer, from_timm
from para_former.models.weights import under_timm_names

Function = Literal["branches", "serial"]  # n/m branches side by side, or the same n modules one after the other

CHECKED_FLOPS = 1e11  # how much of a batch the plain loop computes for comparison
REFERENCE_BATCH = 8  # images at once in the plain loop's backward pass, which keeps every token of every module


class Task:
    """One network and one batch. Weights are random, since time does not depend on them, but not small.

    With the small weights of an untrained network attention is nearly uniform and hides errors, so each parameter has
    noise of variance 1/width added.
    """

    def __init__(self, config: ModelConfig, *, batch: int, dtype: torch.dtype, device: torch.device | str) -> None:
        device = torch.device(device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), device:
            torch.manual_seed(0)
            model = ParaFormer(config).eval()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter += torch.randn_like(parameter) * config.width**-0.5
            images = torch.randn(batch, config.in_channels, *config.image_shape)
            labels = torch.randint(max(config.num_classes, 1), (batch,))
        self.model, self.images, self.labels = model, images, labels
        self.dtype, self.weight_dtype = dtype, dtype
        self._expected: dict[Function, Tensor] = {}

    def oracle(self, function: Function) -> ParaFormer:
        """The network whose plain loop computes `function` with our weights; n modules in series are one branch."""
        if function == "branches":
            return deepcopy(self.model)
        config = self.model.config
        with self.images.device:
            serial = ParaFormer(replace(config, depth=config.layers)).eval()
        serial.load_state_dict(from_timm(under_timm_names(self.model.state_dict(), config), serial.config))
        return serial


class Inference(Task):
    """Images -> logits, without gradients, weights and activations in `dtype`."""

    def call(self, network: nn.Module, images: Tensor) -> Callable[[], Tensor]:
        @torch.inference_mode()
        def forward() -> Tensor:
            return network(images)

        return forward

    def error(self, logits: Tensor, function: Function) -> float:
        """max |logits - loop| / max |loop|, the loop in float64, over images spread evenly over the batch."""
        count = int(min(len(self.images), max(1, CHECKED_FLOPS // flops(self.model.config))))
        rows = torch.linspace(0, len(self.images) - 1, count).round().long().to(self.images.device)
        if function not in self._expected:
            with torch.inference_mode():
                loop = reference(self.oracle(function).double(), self.images[rows].double())
            self._expected[function] = loop
        return relative_error(logits[rows], self._expected[function])


class Training(Task):
    """Images -> gradients of the cross-entropy. Weights are float32; with another `dtype` products are autocast to it.

    What is checked is the gradient of the patch projection, which has come through everything else.
    """

    def __init__(self, config: ModelConfig, *, batch: int, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__(config, batch=batch, dtype=dtype, device=device)
        self.weight_dtype = torch.float32

    def call(self, network: nn.Module, images: Tensor) -> Callable[[], Tensor]:
        network.train()
        projection = _patch_projection(network)
        labels = self.labels[: len(images)]

        def step() -> Tensor:
            with torch.autocast(images.device.type, self.dtype, enabled=self.dtype != torch.float32):
                logits = network(images)
            F.cross_entropy(logits.float(), labels).backward()
            gradient = projection.grad
            network.zero_grad()
            return gradient

        return step

    def error(self, gradient: Tensor, function: Function) -> float:
        """max |gradient - loop's| / max |loop's|, the loop in float32."""
        network = self.oracle(function)
        projection = _patch_projection(network)
        expected = torch.zeros_like(projection)
        for images, labels in zip(self.images.split(REFERENCE_BATCH), self.labels.split(REFERENCE_BATCH), strict=True):
            loss = F.cross_entropy(reference(network, images), labels, reduction="sum") / len(self.images)
            expected += torch.autograd.grad(loss, projection)[0]
        return relative_error(gradient, expected)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return ((found.double() - expected).abs().max() / expected.abs().max()).item()


def _patch_projection(network: nn.Module) -> nn.Parameter:
    """Ours, timm's (`patch_embed`) or a compiled one's (`_orig_mod.embed`)."""
    return next(weight for name, weight in network.named_parameters() if name.endswith("embed.proj.weight"))

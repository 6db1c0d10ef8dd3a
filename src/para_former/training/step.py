"""One step of training: precision, accumulation, clipping, the optimiser, and a moving average of the weights.

`Learner` owns everything that a step changes, so its `state` is what a checkpoint must hold. Where batches come from
and what an epoch is, `loop.py` says.
"""

import weakref
from contextlib import AbstractContextManager
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.saving import load_weights
from para_former.training.config import TrainConfig
from para_former.training.graphed import GraphedStep
from para_former.training.optim import average_decay, build_optimizer

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""All ways but cuDNN's, which PyTorch prefers on an H100 or H200: its backward pass is known for infinite gradients and
reads outside of its memory (PyTorch's issues 169849 and 196678)."""


class Learner:
    """A network in training. `network` is what is evaluated and saved: the averaged weights where there are any."""

    def __init__(self, model: ParaFormer, config: TrainConfig, device: torch.device) -> None:
        self.model, self.config, self.device = model, config, device
        self.optimizer = build_optimizer(model, config)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self.average: AveragedModel | None = None
        if config.ema:
            self.average = AveragedModel(model)
        if config.compile:
            torch.compiler.reset()  # PyTorch compiles few networks in one process, and runs all further ones uncompiled
        self._compute = torch.compile(model) if config.compile else model
        graphed = device.type == "cuda" and not self.scaler.is_enabled()  # a scaler asks whether to skip its step
        this = weakref.ref(self)  # a learner held by its own graph would keep a GPU's memory until it is collected

        def update(images: Tensor, labels: Tensor) -> Tensor:
            return this()._make_update(images, labels)

        self._update = GraphedStep(update, device) if graphed else update

    @property
    def network(self) -> ParaFormer:
        return self.average.module if self.average else self.model

    def precision(self) -> AbstractContextManager:
        """Products at the run's precision; weights, sums and the optimiser stay float32."""
        dtype = PRECISIONS.get(self.config.precision)
        return torch.autocast(self.device.type, dtype, enabled=dtype is not None)

    def logits(self, images: Tensor) -> Tensor:
        """Of `network`, for evaluation."""
        with self.precision():
            return self.network(images)

    def step(
        self, images: Float[Tensor, "batch channels height width"], labels: Tensor, lr: float
    ) -> Float[Tensor, ""]:
        """One update by one batch; its mean loss, still on the device. Labels are class numbers or probabilities."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        loss = self._update(images, labels)
        if self.average:
            self._update_average()
        return loss

    def _make_update(self, images: Tensor, labels: Tensor) -> Tensor:
        loss_sum = torch.zeros((), device=self.device)
        parts = self.config.accumulate
        for part, targets in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            with self.precision(), sdpa_kernel(ATTENTION):
                logits = self._compute(part)
            loss = F.cross_entropy(logits.float(), targets, label_smoothing=self.config.label_smoothing)
            loss = loss * (len(part) / len(images))
            self.scaler.scale(loss).backward()
            loss_sum += loss.detach()
        if self.config.clip_norm:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return loss_sum

    @torch.no_grad()
    def _update_average(self) -> None:
        """`AveragedModel.update_parameters`, but for its copy of the count to the GPU, which waits for all work there.

        At first a copy, later the average, of whole numbers too (BatchNorm's count of batches).
        """
        done = int(self.average.n_averaged)
        average = get_ema_multi_avg_fn(average_decay(done, most=self.config.ema) if done else 0.0)
        networks = self.average.module, self.model
        pairs = list(zip(*([*each.parameters(), *each.buffers()] for each in networks), strict=True))
        for floating in (True, False):
            if chosen := [pair for pair in pairs if pair[0].is_floating_point() == floating]:
                average(*map(list, zip(*chosen, strict=True)), done)
        self.average.n_averaged += 1

    def state(self) -> dict[str, Tensor]:
        """Everything a step changes, as named tensors."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items() if tensor is not None}
        if self.average:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.state_dict().items()}
        if self.scaler.is_enabled():
            tensors |= {f"scaler.{name}": torch.tensor(value) for name, value in self.scaler.state_dict().items()}
        return tensors

    def load_state(self, tensors: dict[str, Tensor], source: Path) -> None:
        """Put back what `state` gave; `source` is named where something does not fit."""
        load_weights(self.model, _below(tensors, "model"), source)
        if self.average:
            load_weights(self.average, _below(tensors, "average"), source)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict({name: tensor.item() for name, tensor in _below(tensors, "scaler").items()})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "optimizer").items():
            index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = tensor
        parameters = [each for group in self.optimizer.param_groups for each in group["params"]]
        none_yet = not moments and self.scaler.is_enabled()  # it has skipped every step so far
        if not none_yet and sorted(moments) != list(range(len(parameters))):
            wanted, found = len(parameters), len(moments)
            raise InputError(f"{source}: expected the optimiser's state of {wanted} parameters, found {found}")
        for index, moment in moments.items():
            for key, tensor in moment.items():
                if tensor.dim() and tensor.shape != parameters[index].shape:  # PyTorch would read and write beyond it
                    wanted, found = list(parameters[index].shape), list(tensor.shape)
                    raise InputError(f"{source}: {key} of parameter {index}: expected shape {wanted}, found {found}")
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}

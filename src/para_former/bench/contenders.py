"""Everything that is timed, by name: how it is built from a task's network, and whose function it computes."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from para_former import execution
from para_former.bench import branches, peers
from para_former.bench.tasks import Function, Task, Training
from para_former.execution.graphs import Replay, record_compiled, record_cuda_graph
from para_former.models.weights import under_timm_names


@dataclass(frozen=True)
class Contender:
    """`build` makes the network, in the task's dtype and on its device."""

    build: Callable[[Task], nn.Module]
    function: Function | None
    """what it computes, with the task's weights; None is another function of the same sizes, which is not checked"""
    settling: int = 0
    """calls after the first until it runs at its speed: what is compiled when it is called, not when it is built"""
    converts: bool = False
    """takes float32 images whatever the dtype, and converts them inside its time"""


def _serial(task: Task) -> VisionTransformer:
    config = task.model.config
    with task.images.device:  # a CPU takes seconds to initialise a wide one
        vit = peers.serial_vit(config)
    vit.load_state_dict(under_timm_names(task.model.state_dict(), config))
    return vit.to(task.images.device, task.weight_dtype).eval()


def _stacked(task: Task) -> nn.Module:
    return deepcopy(task.model).to(task.weight_dtype)


def _prepared(task: Task) -> nn.Module:
    return execution.prepare(task.model, dtype=task.dtype)


def _prepared_as(executor: execution.Executor, task: Task) -> nn.Module:
    """RuntimeError where the executor falls back: the network would go on without, under its name."""
    network = execution.prepare(task.model, executor, task.dtype)
    network(task.images)
    if network.fallback:
        raise RuntimeError(network.fallback)
    return network


def _of_same_sizes(build: Callable[..., nn.Module]) -> Callable[[Task], nn.Module]:
    return lambda task: build(task.model.config).to(task.images.device, task.weight_dtype).eval()


def _compiled(network: nn.Module) -> nn.Module:
    return torch.compile(network, dynamic=False)


class Recorded(nn.Module):
    """`network` by what `prepare` records its own with: `record_cuda_graph`, or `record_compiled`."""

    def __init__(self, network: nn.Module, images: Tensor, record: Callable[..., Replay]) -> None:
        super().__init__()
        self.replay = record(lambda still: network(still), images)

    def forward(self, images: Tensor) -> Tensor:
        return self.replay(images)


def _recorded_serial(task: Task, record: Callable[..., Replay]) -> Recorded:
    return Recorded(_serial(task), task.images.to(task.dtype), record)


def _serial_compiled(task: Task) -> nn.Module:
    if isinstance(task, Training):
        return _compiled(_serial(task))
    return _recorded_serial(task, partial(record_compiled, dtype=task.dtype))


CONTENDERS = {
    "serial": Contender(_serial, "serial"),
    "serial-compiled": Contender(_serial_compiled, "serial", settling=2),
    "serial-graph": Contender(lambda task: _recorded_serial(task, record_cuda_graph), "serial"),
    "serial-readout": Contender(lambda task: peers.read_out_only(_serial(task)), "serial"),
    "encoder": Contender(lambda task: peers.encoder(_serial(task)), "serial"),
    "vit-pytorch": Contender(_of_same_sizes(peers.vit_pytorch), None),
    "vit-pytorch-parallel": Contender(_of_same_sizes(peers.vit_pytorch_parallel), None),
    "loop": Contender(lambda task: branches.with_branches(_serial(task), task.model.config, branches.Loop), "branches"),
    "vmap": Contender(lambda task: branches.with_branches(_serial(task), task.model.config, branches.Vmap), "branches"),
    "stacked": Contender(_stacked, "branches"),
    "stacked-compiled": Contender(lambda task: _compiled(_stacked(task)), "branches", settling=2),
    "prepared": Contender(_prepared, "branches", converts=True),
    "prepared-bf16": Contender(
        lambda task: execution.prepare(task.model, dtype=torch.bfloat16), "branches", converts=True
    ),
    "prepared-compiled": Contender(partial(_prepared_as, "compiled"), "branches", converts=True),
    "prepared-fused": Contender(partial(_prepared_as, "fused"), "branches", converts=True),
}

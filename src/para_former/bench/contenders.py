"""Everything that is timed, by name: how it is built from a task's network, and whose function it computes."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from para_former import execution
from para_former.bench import branches, peers
from para_former.bench.tasks import Function, Task
from para_former.execution.graphs import record_cuda_graph
from para_former.models.weights import under_timm_names


@dataclass(frozen=True)
class Contender:
    """`build` makes the network, in the task's dtype and on its device."""

    build: Callable[[Task], nn.Module]
    function: Function | None
    """what it computes, with the task's weights; None is another function of the same sizes, which is not checked"""
    settling: int = 0
    """calls after the first until it runs at its speed: a compiled network still records CUDA graphs"""
    converts: bool = False
    """takes float32 images whatever the dtype, and converts them inside its time"""


def _serial(task: Task) -> VisionTransformer:
    config = task.model.config
    vit = peers.serial_vit(config)
    vit.load_state_dict(under_timm_names(task.model.state_dict(), config))
    return vit.to(task.images.device, task.weight_dtype).eval()


def _stacked(task: Task) -> nn.Module:
    return deepcopy(task.model).to(task.weight_dtype)


def _prepared(task: Task) -> nn.Module:
    return execution.prepare(task.model, dtype=task.dtype)


def _of_same_sizes(build: Callable[..., nn.Module]) -> Callable[[Task], nn.Module]:
    return lambda task: build(task.model.config).to(task.images.device, task.weight_dtype).eval()


def _compiled(network: nn.Module, mode: str | None) -> nn.Module:
    torch._dynamo.reset()  # else the second shape of a session is compiled for shapes that change, and runs slower
    return torch.compile(network, dynamic=False, mode=mode)


def _fastest(task: Task) -> str | None:
    """The compile mode that searches longest and replays CUDA graphs; on a CPU it changes nothing but the wait."""
    return "max-autotune" if task.images.is_cuda else None


class Graphed(nn.Module):
    """`network` recorded as one CUDA graph, by what `prepare` records its own with."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        super().__init__()
        self.replay = record_cuda_graph(network, images)

    def forward(self, images: Tensor) -> Tensor:
        return self.replay(images)


CONTENDERS = {
    "serial": Contender(_serial, "serial"),
    "serial-compiled": Contender(lambda task: _compiled(_serial(task), _fastest(task)), "serial", settling=2),
    "serial-graph": Contender(lambda task: Graphed(_serial(task), task.images.to(task.dtype)), "serial"),
    "serial-readout": Contender(lambda task: peers.read_out_only(_serial(task)), "serial"),
    "encoder": Contender(lambda task: peers.encoder(_serial(task)), "serial"),
    "vit-pytorch": Contender(_of_same_sizes(peers.vit_pytorch), None),
    "vit-pytorch-parallel": Contender(_of_same_sizes(peers.vit_pytorch_parallel), None),
    "loop": Contender(lambda task: branches.looped(_serial(task), task.model.config), "branches"),
    "vmap": Contender(lambda task: branches.vmapped(_serial(task), task.model.config), "branches"),
    "stacked": Contender(_stacked, "branches"),
    "stacked-compiled": Contender(lambda task: _compiled(_stacked(task), None), "branches", settling=2),
    "prepared": Contender(_prepared, "branches", converts=True),
    "prepared-bf16": Contender(
        lambda task: execution.prepare(task.model, dtype=torch.bfloat16), "branches", converts=True
    ),
    "prepared-compiled": Contender(
        lambda task: _compiled(execution.prepare(task.model, executor="batched", dtype=task.dtype), _fastest(task)),
        "branches",
        settling=2,
        converts=True,
    ),
}

"""What the planner counts is what PyTorch counts when the network runs."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from para_former.bench.peers import serial_vit
from para_former.execution import prepare
from para_former.execution.steps import weights
from para_former.execution.work import IDLE_MODULES, work
from tests.execution.constants import CPU, GPU
from tests.networks import images_for, small_network

NETWORKS = [(1, 1, "cls"), (1, 6, "cls"), (2, 6, "cls"), (3, 6, "cls"), (1, 6, "mean"), (2, 6, "mean"), (6, 6, "mean")]
STEMS = ["patch", "conv"]


def counted(network, images):
    """Operations by PyTorch's counter, attention taken apart into products, which are all that it counts."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        network(images)
    return counter.get_total_flops()


def operations(steps):
    return sum(step.times * step.operations for step in steps)


def launches(steps):
    return sum(step.times * step.launches for step in steps)


def planned(model, batch, way):
    return work(model.config, batch, way, CPU)


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(("depth", "layers", "pool"), NETWORKS)
@pytest.mark.parametrize("batch", [1, 3])
def test_operations_are_those_of_the_prepared_network(depth, layers, pool, stem, batch, no_shape_checks):
    model = small_network(depth=depth, layers=layers, pool=pool, stem=stem)
    assert operations(planned(model, batch, "prepared")) == counted(prepare(model), images_for(model, batch))


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(("depth", "layers", "pool"), NETWORKS)
def test_operations_are_those_of_the_serial_network(depth, layers, pool, stem, no_shape_checks):
    model = small_network(depth=depth, layers=layers, pool=pool, stem=stem)
    network = serial_vit(model.config).double().eval()
    assert operations(planned(model, 3, "serial")) == counted(network, images_for(model))


def test_operations_are_those_of_the_readable_network_where_every_token_is_computed(no_shape_checks):
    """`forward_features`: every level in full, as a serial network of as many layers; the head aside."""
    model = small_network(depth=2, layers=6)
    head = 2 * 3 * model.config.width * model.config.num_classes
    everything = counted(model.forward_features, images_for(model))
    assert operations(planned(model, 3, "serial")) - head == everything


@pytest.mark.parametrize("way", ["prepared", "serial"])
@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize(("depth", "layers", "pool"), NETWORKS)
def test_weights_are_the_matrices_of_the_network(depth, layers, pool, stem, way):
    """Every matrix once; at depth 1 the class token's query and key are one row per head in their place."""
    model = small_network(depth=depth, layers=layers, pool=pool, stem=stem)
    width, heads = model.config.width, model.config.heads
    matrices = sum(p.numel() for name, p in model.named_parameters() if name.endswith("weight") and "norm" not in name)
    if way == "prepared" and depth == 1 and pool == "cls":
        matrices -= layers * (2 * width**2 - heads * width)
    assert weights(planned(model, 1, way)) == matrices


def test_calls_grow_with_depth_and_not_with_branches():
    def count(depth, layers):
        return launches(work(small_network(depth=depth, layers=layers).config, 1, "prepared", GPU))

    assert count(2, 4) == count(2, 24)
    assert count(1, 2) == count(1, 24)
    assert count(1, 24) < count(2, 24) < count(3, 24)


def test_modules_that_compute_nothing_are_those_of_timm():
    block = serial_vit(small_network().config).blocks[0]
    assert sum(isinstance(module, nn.Identity | nn.Dropout) for module in block.modules()) == IDLE_MODULES


def test_serial_calls_grow_with_layers():
    def count(layers):
        return launches(work(small_network(layers=layers).config, 1, "serial", CPU))

    assert count(24) - count(12) == 2 * (count(12) - count(6)) > 0

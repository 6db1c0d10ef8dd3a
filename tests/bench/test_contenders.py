"""Contenders compute what they claim: with the same weights, the same function as the plain loop."""

import shutil
import sys
import warnings

import pytest
import torch
from torch import nn

from para_former.bench import tasks
from para_former.bench.compare import compare
from para_former.bench.contenders import CONTENDERS, Contender
from para_former.bench.peers import vit_pytorch, vit_pytorch_parallel
from para_former.bench.tasks import Inference, Training
from para_former.models import ModelConfig

TINY = {"image_size": 8, "patch_size": 4, "width": 16, "heads": 2}
SERIAL, BRANCHES = ["serial", "serial-readout", "encoder"], ["loop", "vmap", "stacked", "prepared"]


def task_of(config=None, *, batch=3, dtype=torch.float64, kind=Inference, **fields):
    config = config or ModelConfig(**{"depth": 2, "layers": 6, **TINY, **fields})
    return kind(config, batch=batch, dtype=dtype, device="cpu")


def error_of(name, task):
    """The error that the comparison finds for one contender."""
    result = compare(task, [name], seconds=0.0, rounds=1)
    assert result.not_measured == {}
    return result.errors[name]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("heads", [2, 1])
@pytest.mark.parametrize("name", [*SERIAL, *BRANCHES])
def test_contender_equals_the_plain_loop(name, heads, dtype):
    """An odd number of heads takes the encoder off its fast path."""
    limit = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 5e-2}[dtype]
    assert error_of(name, task_of(heads=heads, dtype=dtype)) < limit


@pytest.mark.parametrize("name", ["serial", "encoder", *BRANCHES])
@pytest.mark.parametrize("depth", [1, 6])
def test_contender_equals_the_plain_loop_with_the_mean_read_out(name, depth):
    assert error_of(name, task_of(depth=depth, pool="mean", dtype=torch.float32)) < 1e-5


@pytest.mark.parametrize("name", [*SERIAL, *BRANCHES])
def test_contender_equals_the_plain_loop_behind_a_convolutional_stem(name):
    assert error_of(name, task_of(stem="conv")) < 1e-10


@pytest.mark.parametrize("name", ["serial", "serial-compiled", "stacked", "stacked-compiled"])
def test_gradient_of_a_training_step_equals_the_plain_loops(name, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    monkeypatch.setattr(tasks, "REFERENCE_BATCH", 2)
    assert error_of(name, task_of(dtype=torch.float32, kind=Training)) < 1e-5


def spoiled(build):
    """`build` with one bias of its first norm changed a little."""

    def build_and_spoil(task):
        network = build(task)
        with torch.no_grad():
            dict(network.named_parameters())["blocks.0.norm1.bias"].view(-1)[0] += 0.1
        return network

    return build_and_spoil


@pytest.mark.parametrize("kind", [Inference, Training])
def test_a_changed_weight_is_found(kind, monkeypatch):
    monkeypatch.setitem(CONTENDERS, "spoiled", Contender(spoiled(CONTENDERS["serial"].build), "serial"))
    assert error_of("spoiled", task_of(dtype=torch.float32, kind=kind)) > 1e-4


def test_serial_and_branches_are_different_functions(monkeypatch):
    monkeypatch.setitem(CONTENDERS, "mistaken", Contender(CONTENDERS["serial"].build, "branches"))
    assert error_of("mistaken", task_of()) > 1e-2


@pytest.mark.parametrize("position", [0, -1])
def test_a_wrong_image_is_found_at_either_end_of_a_batch_too_large_to_check(position, monkeypatch):
    monkeypatch.setattr(tasks, "CHECKED_FLOPS", 2.5 * tasks.flops(task_of().model.config))
    task = task_of(batch=9)
    logits = task.call(task.model.double(), task.images.double())().clone()  # out of inference mode
    assert task.error(logits, "branches") < 1e-12
    logits[position] *= 1.1
    assert task.error(logits, "branches") > 1e-3


def test_notes_say_what_slows_a_contender(monkeypatch):
    class Slow(nn.Identity):
        def forward(self, images):
            warnings.warn("slow\nand why", stacklevel=1)
            return images

    monkeypatch.setitem(CONTENDERS, "slow", Contender(lambda task: Slow(), None))
    result = compare(task_of(heads=1, dtype=torch.float32), ["encoder", "slow", "loop"], seconds=0.0, rounds=1)
    assert "even number of heads" in result.notes["encoder"]
    assert (result.notes["slow"], result.notes["loop"]) == ("slow", None)


def test_a_fall_back_of_ours_is_noted(monkeypatch):
    class Fallen(nn.Identity):
        fallback = "no graphs here"

    monkeypatch.setitem(CONTENDERS, "fallen", Contender(lambda task: Fallen(), None))
    assert compare(task_of(), ["fallen"], seconds=0.0, rounds=1).notes == {"fallen": "no graphs here"}


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize(("depth", "layers"), [(1, 6), (3, 6)])
def test_vit_pytorch_has_as_many_layers_of_the_same_width(depth, layers, pool, recwarn):
    pytest.importorskip("vit_pytorch")
    config = ModelConfig(depth=depth, layers=layers, pool=pool, **TINY)
    for build in (vit_pytorch, vit_pytorch_parallel):
        network = build(config).eval()
        widths = [module.to_qkv.weight.shape for module in network.modules() if hasattr(module, "to_qkv")]
        assert widths == [(48, 16)] * layers
        assert network(torch.randn(2, 3, 8, 8)).shape == (2, 10)


def test_without_vit_pytorch_the_reason_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "vit_pytorch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "vit_pytorch", None)
    result = compare(task_of(dtype=torch.float32), ["serial", "vit-pytorch"], seconds=0.0, rounds=1)
    assert list(result.times) == ["serial"]
    assert "pip install 'para-former[bench]'" in result.not_measured["vit-pytorch"]


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="no C++ compiler")
@pytest.mark.parametrize("name", ["serial-compiled", "prepared-compiled"])
def test_compiled_contenders_equal_the_plain_loop(name, no_shape_checks):
    assert error_of(name, task_of(layers=2, dtype=torch.float32)) < 1e-5


def test_what_falls_back_is_not_timed_under_its_name():
    result = compare(task_of(dtype=torch.float32), ["serial", "prepared-fused"], seconds=0.0, rounds=1)
    assert list(result.times) == ["serial"] and "CUDA" in result.not_measured["prepared-fused"]


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name",
    [
        "serial-graph",
        "serial-compiled",
        "serial-readout",
        "encoder",
        "loop",
        "vmap",
        "prepared-compiled",
        "prepared-fused",
    ],
)
def test_contender_equals_the_plain_loop_on_a_gpu(name, no_shape_checks):
    task = Inference(ModelConfig(depth=2, layers=6, **TINY), batch=3, dtype=torch.float32, device="cuda")
    assert error_of(name, task) < 1e-3  # the encoder's fast path multiplies in TensorFloat32


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize(("depth", "layers"), [(1, 6), (3, 6)])
def test_vit_pytorch_has_mlps_and_a_read_out_of_the_same_kind(depth, layers, pool, recwarn):
    pytest.importorskip("vit_pytorch")
    config = ModelConfig(depth=depth, layers=layers, pool=pool, **TINY)
    for build in (vit_pytorch, vit_pytorch_parallel):
        network = build(config)
        shapes = [tuple(each.weight.shape) for each in network.modules() if isinstance(each, nn.Linear)]
        width, hidden = config.width, config.mlp_width
        assert shapes.count((hidden, width)) == shapes.count((width, hidden)) == layers and network.pool == pool


def test_a_training_step_in_bfloat16_multiplies_in_bfloat16():
    assert 1e-4 < error_of("stacked", task_of(dtype=torch.bfloat16, kind=Training)) < 0.1


def test_ours_in_bfloat16_multiplies_in_it_whatever_the_task():
    assert 1e-4 < error_of("prepared-bf16", task_of(dtype=torch.float32)) < 0.1


@pytest.mark.parametrize(("depth", "layers"), [(1, 6), (2, 6)])
def test_vit_pytorchs_parallel_network_is_as_deep_as_ours(depth, layers):
    pytest.importorskip("vit_pytorch")
    network = vit_pytorch_parallel(ModelConfig(depth=depth, layers=layers, **TINY))
    assert len(network.transformer.layers) == depth


def test_an_error_in_the_attention_would_be_seen(monkeypatch):
    """With the small weights of an untrained network it looks everywhere alike, whatever the queries."""

    def build(task):
        network = CONTENDERS["serial"].build(task)
        with torch.no_grad():
            network.blocks[0].attn.qkv.weight[: task.model.config.width] *= 1.1  # the queries
        return network

    monkeypatch.setitem(CONTENDERS, "spoiled", Contender(build, "serial"))
    assert error_of("spoiled", task_of()) > 1e-4

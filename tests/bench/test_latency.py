"""A latency record says what was timed, under which conditions, and that it computed the right thing."""

import json

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from para_former.bench import measure_latency
from para_former.bench.contenders import CONTENDERS, Contender
from para_former.bench.peers import serial_vit
from para_former.models import ModelConfig, ParaFormer, from_timm

TINY = {"image_size": 8, "patch_size": 4, "in_channels": 1, "width": 16, "heads": 2}


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("pool", "stem"), [("cls", "patch"), ("mean", "patch"), ("cls", "conv")])
def test_latency_is_a_record_with_its_conditions(pool, stem):
    config = ModelConfig(depth=2, layers=4, pool=pool, stem=stem, **TINY)
    line = measure_latency(config, batch=2, rounds=3)
    assert json.loads(json.dumps(line)) == line
    expected = {"kind": "latency", "depth": 2, "layers": 4, "width": 16, "tokens": config.tokens}
    expected |= {"stem": stem, "pool": pool, "heads": 2, "mlp_ratio": 4.0}
    expected |= {"batch": 2, "device": "cpu", "threads": torch.get_num_threads(), "dtype": "float32", "rounds": 3}
    assert line.items() >= expected.items()
    assert "4 layers" in line["peer"]
    assert line["environment"].keys() >= {"hardware", "versions", "commit", "time"}
    for name in ("ours_ms", "peer_ms", "ratio"):
        assert 0 < line[name]["q1"] <= line[name]["median"] <= line[name]["q3"]
    assert 0 <= line["relative_error"] < 1e-4


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize(("depth", "layers"), [(1, 1), (1, 6), (2, 6), (6, 6)])
def test_the_peer_is_a_serial_network_of_as_many_layers(depth, layers, pool):
    config = ModelConfig(depth=depth, layers=layers, pool=pool, **TINY)
    ours, peer = ParaFormer(config), serial_vit(config)
    assert isinstance(peer, VisionTransformer) and len(peer.blocks) == layers
    assert parameters(ours) == parameters(peer)
    images = torch.randn(2, 1, 8, 8)
    assert peer(images).shape == ours(images).shape
    assert peer.pos_embed.shape[1] == config.tokens


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_with_one_branch_the_peer_is_the_same_function(pool):
    config = ModelConfig(depth=3, layers=3, pool=pool, **TINY)
    ours, peer = ParaFormer(config).eval(), serial_vit(config).eval()
    ours.load_state_dict(from_timm(peer.state_dict(), config))
    images = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(ours(images), peer(images), rtol=1e-5, atol=1e-5)


def test_a_contender_that_fails_is_told_with_its_reason(monkeypatch):
    def no_room(task):
        raise MemoryError("no room")

    monkeypatch.setitem(CONTENDERS, "serial", Contender(no_room, "serial"))
    with pytest.raises(RuntimeError, match="serial: MemoryError: no room"):
        measure_latency(ModelConfig(layers=2, **TINY), rounds=1)

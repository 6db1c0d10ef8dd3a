"""Latency of one network beside a serial ViT of as many layers: what the paper derives and never times."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from para_former.bench.peers import serial_vit
from para_former.bench.timing import interleave, ratio, summarize
from para_former.execution import reference
from para_former.models import ModelConfig, ParaFormer
from para_former.records import Record, environment


def measure_latency(config: ModelConfig, *, batch: int = 1, device: str = "cpu", rounds: int = 60) -> Record:
    """One `latency` record: milliseconds of a forward pass of ours and of the serial ViT, interleaved.

    Weights are random, since time does not depend on them; `relative_error` is ours against the plain loop,
    max |ours - loop| / max |loop|.
    """
    images = torch.randn(batch, config.in_channels, *config.image_shape, device=device)
    ours, serial = (network.to(device).eval() for network in (ParaFormer(config), serial_vit(config)))
    with torch.inference_mode():
        expected = reference(ours, images)
        error = (ours(images) - expected).abs().max() / expected.abs().max()
        times = interleave({"ours": _call(ours, images), "serial": _call(serial, images)}, rounds=rounds)
    return {
        "kind": "latency",
        "depth": config.depth,
        "layers": config.layers,
        "width": config.width,
        "tokens": config.tokens,
        "pool": config.pool,
        "batch": batch,
        "device": device,
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "rounds": rounds,
        "peer": f"timm serial ViT, {config.layers} layers, eager",
        "ours_ms": summarize(times["ours"]),
        "peer_ms": summarize(times["serial"]),
        "ratio": ratio(times["serial"], times["ours"]),
        "relative_error": error.item(),
        "environment": environment(),
    }


def _call(network: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    return lambda: network(images)

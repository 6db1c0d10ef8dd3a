"""Latency of one network beside a serial ViT of as many layers: what the paper derives and never times."""

import torch

from para_former.bench.compare import compare
from para_former.bench.conditions import conditions
from para_former.bench.tasks import Inference
from para_former.bench.timing import ratio, summarize
from para_former.models import ModelConfig
from para_former.records import Record

OURS = "prepared"  # the contender that stands for us


def measure_latency(config: ModelConfig, *, batch: int = 1, device: str = "cpu", rounds: int = 60) -> Record:
    """One `latency` record: milliseconds of a forward pass of ours and of the serial ViT, interleaved.

    `relative_error` is ours against the plain loop (`tasks.py`).
    """
    place = torch.device(device)
    task = Inference(config, batch=batch, dtype=torch.float32, device=place)
    result = compare(task, ("serial", OURS), seconds=float("inf"), rounds=rounds)
    if result.not_measured:
        raise RuntimeError("; ".join(f"{name}: {why}" for name, why in result.not_measured.items()))
    return {
        "kind": "latency",
        "depth": config.depth,
        "layers": config.layers,
        "width": config.width,
        "heads": config.heads,
        "mlp_ratio": config.mlp_ratio,
        "tokens": config.tokens,
        "stem": config.stem,
        "pool": config.pool,
        "batch": batch,
        "device": device,
        "threads": torch.get_num_threads(),
        "dtype": "float32",
        "rounds": rounds,
        "peer": f"timm serial ViT, {config.layers} layers, eager",
        "ours_ms": summarize(result.times[OURS]),
        "peer_ms": summarize(result.times["serial"]),
        "ratio": ratio(result.times["serial"], result.times[OURS]),
        "relative_error": result.errors[OURS],
        "environment": conditions(place),
    }

"""`para-former plan --budget-ms 5`: which m-n fit a latency budget on this device, by prediction."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console
from rich.table import Table

from para_former.cli.parsing import parse
from para_former.errors import InputError
from para_former.execution.calibration import measure_device
from para_former.execution.device import DeviceConstants, read_constants, write_constants
from para_former.execution.planner import DEPTHS, MOST_LAYERS, Prediction, check_question, fit, predict
from para_former.models import ModelConfig
from para_former.models.config import Pool, Stem
from para_former.models.outline import count_parameters, outline
from para_former.records import Record, expect_file
from para_former.training.device import pick_device


@dataclass(frozen=True)
class Options:
    """Networks whose predicted latency fits a budget: for each depth m the most layers n."""

    budget_ms: float
    """milliseconds of one forward pass"""
    width: int = 192
    """embedding dimension"""
    heads: int = 3
    """attention heads; divides width"""
    image_size: int = 32
    """pixels along the side of the image"""
    patch_size: int = 4
    """pixels along the side of one patch"""
    stem: Stem = "patch"
    """from pixels to tokens: one linear map per patch, or a few 3x3 convolutions"""
    pool: Pool = "cls"
    """read-out: the class token, or the mean of all tokens"""
    num_classes: int = 10
    """logits"""
    batch: int = 1
    """images in one forward pass"""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """of weights and matrix multiplications"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""
    constants: Path | None = None
    """file of a device's constants: read where it exists, otherwise measured on --device and written there"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "plan")
    names = ("width", "heads", "image_size", "patch_size", "stem", "pool", "num_classes")
    sizes = ModelConfig(depth=1, layers=1, **{name: getattr(options, name) for name in names})
    check_question(options.budget_ms, options.batch)
    constants = _constants(options, console)
    candidates = fit(options.budget_ms, sizes, constants, options.batch)
    rows = [
        {
            "depth": candidate.config.depth,
            "layers": candidate.config.layers,
            "parameters": count_parameters(outline(candidate.config)),
            "ms": candidate.prepared.ms,
            "limit": candidate.prepared.limit,
            "causes_ms": candidate.prepared.causes,
            "parts_ms": candidate.prepared.parts,
            "serial_ms": candidate.serial.ms,
        }
        for candidate in candidates
    ]
    smallest = predict(sizes, constants, options.batch)
    console.print(
        f"{constants.name} ({constants.kind}, {constants.lanes} lanes, {constants.dtype}), batch {options.batch}, "
        f"{sizes.tokens} tokens, width {sizes.width}: predicted, not measured"
    )
    if rows:
        _print(console, rows)
    else:
        console.print(
            f"no network fits {options.budget_ms:g} ms: the fastest, 1-1, is predicted to take {_time(smallest)}"
        )
    return {
        "budget_ms": options.budget_ms,
        "batch": options.batch,
        "candidates": rows,
        "fastest": {"depth": 1, "layers": 1, "ms": smallest.ms, "limit": smallest.limit},
        "sizes": {name: getattr(sizes, name) for name in (*names, "tokens")},
        "constants": asdict(constants),
    }


def _constants(options: Options, console: Console) -> DeviceConstants:
    if options.constants is None or not options.constants.exists():
        if options.constants is not None:
            expect_file(options.constants)
        device, threads = pick_device(options.device), torch.get_num_threads()
        if device.type == "cpu":
            _tell_of_other_work(threads, console)
        constants = measure_device(device, threads, getattr(torch, options.dtype))
        if options.constants is not None:
            write_constants(options.constants, constants)
        return constants
    constants = read_constants(options.constants)
    kind = options.device.partition(":")[0]
    if kind not in ("auto", constants.kind):
        raise InputError(
            f"{options.constants}: expected constants for {kind}, found those of a {constants.kind} device"
        )
    if constants.dtype != options.dtype:
        raise InputError(f"{options.constants}: expected constants for {options.dtype}, found {constants.dtype}")
    return constants


def _tell_of_other_work(threads: int, console: Console) -> None:
    """A line where the load of the last minute leaves fewer cores than there are threads; half a core is no load."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load + threads > cores + 0.5:
        console.print(
            f"the machine is measured beside other work (load {load:.1f} on {cores} cores in the last minute): for "
            "predictions that hold, run this again when it is idle"
        )


def _time(prediction: Prediction) -> str:
    return f"{prediction.ms:.3g} ms, most of it {prediction.limit}"


def _print(console: Console, rows: list[Record]) -> None:
    table = Table("network", "parameters", "ms", "limit", "serial ViT of as many layers, ms", "speed-up", box=None)
    for row in rows:
        table.add_row(
            f"{row['depth']}-{row['layers']}",
            f"{row['parameters']:,}",
            f"{row['ms']:.3g}",
            row["limit"],
            f"{row['serial_ms']:.3g}",
            f"{row['serial_ms'] / row['ms']:.3g}",
        )
    console.print(table)
    console.print(
        f"For each depth m in {', '.join(map(str, DEPTHS))} the most layers n up to {MOST_LAYERS}. More layers stand "
        "first, then more depth, as accuracy grows in the paper's Tables 2 and 3; what a network reaches, only "
        "training tells: see the records of para-former reproduce."
    )

"""`para-former info`: what this installation knows and what this machine has."""

from dataclasses import dataclass

import torch
from rich.console import Console
from rich.table import Table

from para_former.cli.parsing import parse
from para_former.data import SPECS, DatasetSpec, locate
from para_former.errors import InputError
from para_former.models import model_config
from para_former.models.naming import SIZES
from para_former.models.outline import count_parameters, outline
from para_former.records import Record, environment
from para_former.reports import paper


@dataclass(frozen=True)
class Options:
    """Networks, data sets, devices and versions."""


def run(arguments: list[str], console: Console) -> Record:
    parse(Options, arguments, "info")
    networks = [_network(f"para_former_{depth}_{layers}") for depth, layers in paper.NETWORKS]
    datasets = [
        {
            "name": spec.name,
            "classes": spec.num_classes,
            "pixels": spec.image_size,
            **spec.counts,
            "found": _found(spec),
        }
        for spec in SPECS.values()
    ]
    devices = ["cpu", *(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))]
    result = {"networks": networks, "data_sets": datasets, "devices": devices, **environment()}
    sizes = ", ".join(f"{size} ({width} wide, {heads} heads)" for size, (width, heads) in SIZES.items())
    _print(console, "Networks of the paper, at 32 px, patch 4, 10 classes", networks)
    console.print(f"Any para_former_M_N with M dividing N, and para_former_SIZE_M_N; sizes: {sizes}\n")
    _print(console, "Data sets", datasets)
    for name in ("hardware", "versions"):
        console.print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in result[name].items()))
    console.print(f"devices: {', '.join(devices)}; commit {result['commit']}")
    return result


def _network(name: str) -> Record:
    config = model_config(name)
    counts = {"depth": config.depth, "branches": config.branches, "parameters": count_parameters(outline(config))}
    return {"name": name, **counts}


def _found(spec: DatasetSpec) -> str:
    try:
        return locate(spec).layout
    except InputError:
        return "not found"


def _print(console: Console, title: str, rows: list[Record]) -> None:
    table = Table(*rows[0], box=None, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in row.values()))
    console.print(table, "")

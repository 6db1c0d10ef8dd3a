"""The paper's tables as a list of runs: whatever is missing is run, whatever is there is left alone.

    output/DATASET/RECIPE-eEPOCHS/MODEL-sSEED/    one run (see `loop.py`)
    output/DATASET/latency.jsonl                  one line per network

Stop it at any moment and start it again: finished cells are skipped, a cell in the middle goes on from its last epoch.
"""

from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from para_former.bench import measure_latency
from para_former.data import get_spec
from para_former.errors import InputError
from para_former.models import PAPER_NETWORKS
from para_former.records import append_record, read_records
from para_former.training.config import TrainConfig
from para_former.training.loop import RECORD_FILE, train

TABLES = {"2": PAPER_NETWORKS[:4], "3": PAPER_NETWORKS[4:], "2+3": PAPER_NETWORKS}
LATENCY_FILE = "latency.jsonl"


def cells(table: str, defaults: TrainConfig, seeds: int, output: Path) -> list[TrainConfig]:
    """Every run of a table: its networks, each with seeds 0 to `seeds` - 1."""
    if table not in TABLES:
        raise InputError(f"unknown table {table!r}: expected one of {', '.join(TABLES)}")
    if seeds < 1:
        raise InputError(f"seeds: expected at least 1, found {seeds}")
    folder = output / defaults.dataset / f"{defaults.recipe}-e{defaults.epochs}"
    return [
        replace(defaults, model=model, seed=seed, output=folder / f"{model}-s{seed}")
        for seed in range(seeds)
        for model in (f"para_former_{depth}_{layers}" for depth, layers in TABLES[table])
    ]


def is_finished(config: TrainConfig) -> bool:
    """Whether the run has its test result."""
    path = config.folder() / RECORD_FILE
    return path.exists() and any(line["kind"] == "test" for line in read_records(path))


def reproduce(runs: list[TrainConfig], output: Path, console: Console) -> None:
    """Train every cell that is not finished, then time every network that is not timed."""
    missing = [run for run in runs if not is_finished(run)]
    console.print(f"{len(runs)} runs, {len(runs) - len(missing)} finished already; records in {output}")
    for number, run in enumerate(missing, start=1):
        console.rule(f"run {number} of {len(missing)}: {run.model}, seed {run.seed}")
        train(replace(run, resume=(run.folder() / RECORD_FILE).exists()), console)
    _time_networks(runs, output, console)


def _time_networks(runs: list[TrainConfig], output: Path, console: Console) -> None:
    path = output / runs[0].dataset / LATENCY_FILE
    timed = {(line["model"], line["device"]) for line in (read_records(path) if path.exists() else [])}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for run in {run.model: run for run in runs}.values():
        if (run.model, device) not in timed:
            with console.status(f"timing {run.model} and a serial network of as many layers"):
                line = measure_latency(run.network(get_spec(run.dataset)), device=device)
            append_record(path, {**line, "model": run.model, "dataset": run.dataset})

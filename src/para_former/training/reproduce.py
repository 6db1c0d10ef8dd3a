"""The paper's tables as a list of runs: whatever is missing is run, whatever is there is left alone.

    output/DATASET/RECIPE-eEPOCHS/MODEL-sSEED/                 one run (see `loop.py`)
    output/DATASET/fingerprint-eEPOCHS/VARIANT/MODEL-sSEED/    one run of the settings that the paper leaves open
    output/DATASET/RECIPE-eEPOCHS/images-N/MODEL-sSEED/        one run on N images of the training split
    output/DATASET/latency.jsonl                               one line per network

Stop it at any moment and start it again: finished cells are skipped, a cell in the middle goes on from its last epoch.
"""

import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from para_former.bench import measure_latency
from para_former.data import get_spec
from para_former.errors import InputError
from para_former.models import PAPER_NETWORKS
from para_former.records import append_record, read_records
from para_former.training.checkpoint import remove_checkpoints
from para_former.training.config import TrainConfig
from para_former.training.fingerprint import variants
from para_former.training.loop import train
from para_former.training.run import RECORD_FILE, is_finished, load_data, pick_device

TABLES = {"2": PAPER_NETWORKS[:4], "3": PAPER_NETWORKS[4:], "2+3": PAPER_NETWORKS}
LATENCY_FILE = "latency.jsonl"
LATENCY_KEY = ("model", "width", "tokens", "pool", "device")  # what a network is timed once for


def cells(table: str, defaults: TrainConfig, seeds: int, output: Path) -> list[TrainConfig]:
    """Every run of a table, or of networks such as "1-6,6-6": each with seeds 0 to `seeds` - 1."""
    folder = output / defaults.dataset_label() / f"{defaults.recipe}-e{defaults.epochs}"
    return _cells(table, defaults, seeds, folder)


def fingerprint_cells(table: str, defaults: TrainConfig, seeds: int, output: Path) -> list[TrainConfig]:
    """The same networks under each of the settings that the paper leaves open (`fingerprint.py`)."""
    folder = output / defaults.dataset_label() / f"fingerprint-e{defaults.epochs}"
    return [run for name, variant in variants(defaults) for run in _cells(table, variant, seeds, folder / name)]


def data_effect_cells(table: str, defaults: TrainConfig, seeds: int, output: Path, sizes: str) -> list[TrainConfig]:
    """The same networks on part of the training images, `sizes` such as "1000,2000" (the paper's Section 4.4)."""
    if not re.fullmatch(r"\d+(,\d+)*", sizes):
        raise InputError(f"train_images: expected numbers of images such as 1000,2000, found {sizes!r}")
    folder = output / defaults.dataset_label() / f"{defaults.recipe}-e{defaults.epochs}"
    return [
        run
        for size in dict.fromkeys(map(int, sizes.split(",")))
        for run in _cells(table, replace(defaults, train_images=size), seeds, folder / f"images-{size}")
    ]


def _cells(table: str, defaults: TrainConfig, seeds: int, folder: Path) -> list[TrainConfig]:
    if seeds < 1:
        raise InputError(f"seeds: expected at least 1, found {seeds}")
    return [
        replace(defaults, model=model, seed=seed, output=folder / f"{model}-s{seed}")
        for seed in range(seeds)
        for model in (f"para_former_{depth}_{layers}" for depth, layers in _networks(table))
    ]


def _networks(table: str) -> list[tuple[int, int]]:
    if table in TABLES:
        return list(TABLES[table])
    if not re.fullmatch(r"\d+-\d+(,\d+-\d+)*", table):
        raise InputError(f"unknown table {table!r}: expected {', '.join(TABLES)} or networks such as 1-6,6-6")
    return [tuple(map(int, name.split("-"))) for name in table.split(",")]


def reproduce(runs: list[TrainConfig], output: Path, console: Console) -> None:
    """Train every cell that is not finished, then time every network that is not timed."""
    for run in runs:  # before the first hour is spent, not after
        run.network(get_spec(run.dataset, run.image_size))
        pick_device(run.device)
    missing = [run for run in runs if not is_finished(run.folder())]
    for run in missing:
        load_data(run)  # likewise: more images than there are, or fewer than a batch, are told now
    for run in runs:
        if run not in missing:
            remove_checkpoints(run.folder())  # left by a kill between the test line and the end
    console.print(f"{len(runs)} runs, {len(runs) - len(missing)} finished already; records in {output}")
    for number, run in enumerate(missing, start=1):
        console.rule(f"run {number} of {len(missing)}: {run.model}, seed {run.seed}")
        train(replace(run, resume=(run.folder() / RECORD_FILE).exists()), console)
    _time_networks(runs, output, console)


def _time_networks(runs: list[TrainConfig], output: Path, console: Console) -> None:
    path = output / runs[0].dataset_label() / LATENCY_FILE
    timed = [tuple(line[name] for name in LATENCY_KEY) for line in (read_records(path) if path.exists() else [])]
    for run in {run.model: run for run in runs}.values():
        network, device = run.network(get_spec(run.dataset, run.image_size)), pick_device(run.device).type
        if (run.model, network.width, network.tokens, network.pool, device) not in timed:
            with console.status(f"timing {run.model} and a serial network of as many layers"):
                line = measure_latency(network, device=device)
            append_record(path, {**line, "model": run.model, "dataset": run.dataset})

"""The paper's tables as a list of cells: whatever is missing is run, whatever is there is left alone.

    output/DATASET/RECIPE-eEPOCHS/MODEL-sSEED/                 one run (see `loop.py`)
    output/DATASET/fingerprint-eEPOCHS/VARIANT/MODEL-sSEED/    one run of the settings that the paper leaves open
    output/DATASET/RECIPE-ablation-eEPOCHS/CHANGE/MODEL-sSEED/ one run of the recipe with one change
    output/DATASET/RECIPE-eEPOCHS/images-N/MODEL-sSEED/        one run on N images of the training split
    output/DATASET/latency.jsonl                               one line per network

A cell is finished when its run is tested and its network timed. Stop it at any moment, or by a `Deadline`, and start it
again: finished cells are skipped, a cell in the middle goes on from its last epoch.
"""

import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from para_former.bench import measure_latency
from para_former.bench.points import flops
from para_former.data import get_spec
from para_former.errors import InputError
from para_former.models.naming import SIZES
from para_former.records import SHAPE, append_record, read_records, shape
from para_former.reports import paper
from para_former.reports.fields import read
from para_former.training.ablation import changed
from para_former.training.checkpoint import remove_checkpoints
from para_former.training.config import TrainConfig
from para_former.training.datasets import load_data
from para_former.training.deadline import NEVER, Deadline
from para_former.training.device import expect_sound_compiler, pick_device
from para_former.training.fingerprint import variants
from para_former.training.loop import train
from para_former.training.recipes import with_model
from para_former.training.run import RECORD_FILE, check_settings, is_finished

TABLES = {"2": paper.NETWORKS[:4], "3": paper.NETWORKS[4:], "2+3": paper.NETWORKS}
LATENCY_FILE = "latency.jsonl"


def cells(table: str, defaults: TrainConfig, seeds: int, output: Path, below: str = "") -> list[TrainConfig]:
    """Every run of a table, or of networks such as "1-6,6-6": each with seeds 0 to `seeds` - 1.

    In the folder `below` that of the recipe, where one is named.
    """
    if seeds < 1:
        raise InputError(f"seeds: expected at least 1, found {seeds}")
    folder = output / defaults.dataset_label() / f"{defaults.recipe}-e{defaults.epochs}" / below
    return [
        replace(with_model(defaults, model), seed=seed, output=folder / f"{model}-s{seed}")
        for seed in range(seeds)
        for model in _networks(table)
    ]


def fingerprint_cells(table: str, defaults: TrainConfig, seeds: int, output: Path) -> list[TrainConfig]:
    """The same networks under each of the settings that the paper leaves open (`fingerprint.py`)."""
    return [run for name, variant in variants(defaults) for run in cells(table, variant, seeds, output, name)]


def ablation_cells(table: str, defaults: TrainConfig, seeds: int, output: Path) -> list[TrainConfig]:
    """The same networks, and each again with one setting of the recipe changed (`ablation.py`)."""
    runs = [run for name, variant in changed(defaults) for run in cells(table, variant, seeds, output, name)]
    return cells(table, defaults, seeds, output) + runs


def data_effect_cells(table: str, defaults: TrainConfig, seeds: int, output: Path, sizes: str) -> list[TrainConfig]:
    """The same networks on part of the training images, `sizes` such as "1000,2000" (the paper's Section 4.4)."""
    if not re.fullmatch(r"\d+(,\d+)*", sizes):
        raise InputError(f"train_images: expected numbers of images such as 1000,2000, found {sizes!r}")
    return [
        run
        for size in dict.fromkeys(map(int, sizes.split(",")))
        for run in cells(table, replace(defaults, train_images=size), seeds, output, f"images-{size}")
    ]


def _networks(table: str) -> list[str]:
    """Model names of a table, or of networks such as "1-6,base-1-1"."""
    names = [f"{depth}-{layers}" for depth, layers in TABLES.get(table, ())] or table.split(",")
    if not all(re.fullmatch(rf"(({'|'.join(SIZES)})-)?\d+-\d+", name) for name in names):
        expected = f"{', '.join(TABLES)} or networks such as 1-6,6-6,base-1-1"
        raise InputError(f"unknown table {table!r}: expected {expected}")
    return [f"para_former_{name.replace('-', '_')}" for name in names]


def cheapest_first(runs: list[TrainConfig]) -> list[TrainConfig]:
    """The runs of all data sets by seed, and those of one seed by cost.

    Seed 0 comes first in every table: a table of one seed can be read, half a table of two seeds cannot. By cost, so
    that time which ends too soon has yielded as many whole cells as it could.
    """
    return sorted(runs, key=lambda run: (run.seed, cost(run)))


def cost(run: TrainConfig) -> float:
    """Operations of a training, up to a factor: epochs x images x (2 P D C + F (1 - (1 - 1/T)/m)).

    P patches of C numbers each are embedded into D numbers; F is `flops`, and where the class token is read the last of
    the m levels has one row per image in place of T. What augmentation costs is left out.
    """
    spec = get_spec(run.dataset, run.image_size)
    network = run.network(spec)
    rows, columns = network.grid
    embedding = 2.0 * rows * columns * network.width * network.in_channels * network.patch_size**2
    spared = (1 - 1 / network.tokens) / network.depth if network.pool == "cls" else 0.0
    return run.epochs * (run.train_images or spec.counts["train"]) * (embedding + (1 - spared) * flops(network))


def reproduce(runs: list[TrainConfig], output: Path, console: Console, deadline: Deadline = NEVER) -> list[TrainConfig]:
    """Finish the cells that are not finished, the cheapest first; the cells that the `deadline` leaves, the next first.

    The deadline is looked at after an epoch or a cell, never before, so however near it is, every call gets on. A loss
    that is not finite ends its cell alone; FloatingPointError for all of them at the end.
    """
    ordered = cheapest_first(runs)  # refuses impossible networks: before the first hour is spent, not after
    for run in ordered:
        expect_sound_compiler(run, pick_device(run.device))
        check_settings(run)  # likewise: what is there counts as finished only if it is what was asked for
        if not is_finished(run.folder()):
            load_data(run)  # likewise: more images than there are, or fewer than a batch, are told now
        else:
            remove_checkpoints(run.folder())  # left by a kill between the test line and the end
    missing = unfinished(ordered, output)
    console.print(f"{len(runs)} runs, {len(runs) - len(missing)} finished already; records in {output}")
    diverged = []
    for number, run in enumerate(missing, start=1):
        console.rule(f"run {number} of {len(missing)}: {run.model} on {run.dataset}, seed {run.seed}")
        if not is_finished(run.folder()):
            try:
                train(replace(run, resume=(run.folder() / RECORD_FILE).exists()), console, deadline)
            except FloatingPointError as error:
                console.print(str(error))
                diverged.append(str(error))
        if is_finished(run.folder()) and not _is_timed(run, output):
            _time_network(run, output, console)
        if deadline.is_near:
            break
    if diverged:
        raise FloatingPointError("; ".join(diverged))
    return unfinished(missing, output)


def unfinished(runs: list[TrainConfig], output: Path) -> list[TrainConfig]:
    """The cells among them that are not tested and timed."""
    return [run for run in runs if not (is_finished(run.folder()) and _is_timed(run, output))]


def _is_timed(run: TrainConfig, output: Path) -> bool:
    """Whether the run's network was timed on such a device, in the same shape, by any run."""
    path = _latency_file(run, output)
    if not path.exists():
        return False
    network = run.network(get_spec(run.dataset, run.image_size))
    wanted = run.model, pick_device(run.device).type, {name: getattr(network, name) for name in SHAPE}
    latencies = read({str(path): read_records(path)}, "latency")
    return any(wanted == (line["model"], line["device"], shape(line)) for _, line in latencies)


def _time_network(run: TrainConfig, output: Path, console: Console) -> None:
    network = run.network(get_spec(run.dataset, run.image_size))
    with console.status(f"timing {run.model} and a serial network of as many layers"):
        line = measure_latency(network, device=pick_device(run.device).type)
    append_record(_latency_file(run, output), {**line, "model": run.model, "dataset": run.dataset})


def _latency_file(run: TrainConfig, output: Path) -> Path:
    return output / run.dataset_label() / LATENCY_FILE

"""The table of the settings that the paper leaves open: every combination tried, beside the accuracies it prints."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace

from para_former.reports import paper
from para_former.reports.document import Cell, Table
from para_former.reports.experiments import Experiment, network_label
from para_former.reports.tables import accuracy, not_measured, signed, title

SHAPES = ((1, 1), (1, 24), (6, 6))
SETTINGS = {
    "Image": "image_size",
    "Patch": "patch_size",
    "Width": "width",
    "MLP": "mlp_ratio",
    "Residual": "residual",
    "RandAugment": "randaugment_rounds",
    "Rate": "lr",
    "Schedule": "schedule",
}


def settings(experiment: Experiment) -> dict[str, str]:
    """The open settings of a variant, by column."""
    run = next(run for network in experiment.networks for run in network.runs)
    return {column: f"{json.loads(run.settings.get(name, 'null'))}" for column, name in SETTINGS.items()}


def wording(experiment: Experiment) -> str:
    """The same, in a sentence."""
    return ", ".join(f"{column.lower()} {value}" for column, value in settings(experiment).items())


def ranked(found: Sequence[Experiment]) -> list[Experiment]:
    """The longest trainings first, among equals those with most networks measured, then the nearest to the paper."""
    return sorted(found, key=lambda each: (-each.epochs, -len(each.measured), distance(each), each.variant))


def distance(experiment: Experiment) -> float:
    """Mean distance to the paper over the networks measured, points; infinite where none is."""
    gaps = [abs(network.top1 - network.paper_top1) for network in experiment.measured if network.paper_top1]
    return statistics.fmean(gaps) if gaps else float("inf")


def fingerprint_table(found: Sequence[Experiment]) -> Table:
    """One row a variant, ranked."""
    labels = [network_label(f"para_former_{m}_{n}", m, n) for m, n in SHAPES]
    rows = []
    for experiment in ranked(found):
        cells = []
        for m, n in SHAPES:
            network = next(one for one in experiment.networks if one.model == f"para_former_{m}_{n}")
            if network.tested and network.paper_top1:
                gap = signed(network.top1 - network.paper_top1)
                links = tuple((f"seed {run.line['seed']}", run.path) for run in network.tested)
                cells.append(replace(accuracy(network), beside=gap, links=links))
            else:
                cells.append(not_measured())
        rows.append((*map(Cell, settings(experiment).values()), Cell(str(experiment.epochs)), *cells))
    printed = paper.trained_from_scratch(found[0].dataset)
    figures = ", ".join(f"{printed[shape]:.2f} with {label}" for shape, label in zip(SHAPES, labels, strict=True))
    caption = (
        f"{title(found[0].dataset)}, test top-1 in %, and beside it the distance to the paper in points ({figures}, "
        f"after {paper.EPOCHS} epochs). MLP: hidden width over width. RandAugment: its rounds at magnitude 14."
    )
    columns = (*SETTINGS, "Epochs", *labels)
    return Table(caption, columns, frozenset(columns) - {"Residual", "Schedule"}, tuple(rows))

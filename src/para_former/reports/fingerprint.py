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
    "Batch": "batch_size",
    "Rate": "lr",
    "Schedule": "schedule",
}


def settings(experiment: Experiment) -> dict[str, str]:
    """The open settings of a variant, by column."""
    return {column: f"{json.loads(experiment.runs[0].settings.get(name, 'null'))}" for column, name in SETTINGS.items()}


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
    """One row a variant, ranked; its networks share the row, whatever the precision that each was trained with."""
    labels = [network_label(f"para_former_{m}_{n}", m, n) for m, n in SHAPES]
    rows: dict[tuple[str, ...], list[Cell]] = {}
    for experiment in ranked(found):
        cells, key = [], (*settings(experiment).values(), str(experiment.epochs))
        for m, n in SHAPES:
            network = next((one for one in experiment.measured if one.model == f"para_former_{m}_{n}"), None)
            if network and network.paper_top1:
                gap = signed(network.top1 - network.paper_top1)
                links = tuple((f"seed {run.line['seed']}", run.path) for run in network.tested)
                cells.append(replace(accuracy(network), beside=gap, links=links))
            else:
                cells.append(not_measured())
        begun = rows.get(key, [not_measured()] * len(SHAPES))
        if any(old.kind != "missing" and new.kind != "missing" for old, new in zip(begun, cells, strict=True)):
            key = (*key, str(len(rows)))  # measured twice: a row of its own
            begun = cells
        rows[key] = [new if old.kind == "missing" else old for old, new in zip(begun, cells, strict=True)]
    printed = paper.trained_from_scratch(found[0].dataset)
    figures = ", ".join(f"{printed[shape]:.2f} with {label}" for shape, label in zip(SHAPES, labels, strict=True))
    caption = (
        f"{title(found[0].dataset)}, test top-1 in %, and beside it the distance to the paper in points ({figures}, "
        f"after {paper.EPOCHS} epochs). MLP: hidden width over width. RandAugment: its rounds at magnitude 14. "
        "Networks of one row may differ in the precision of their products."
    )
    columns = (*SETTINGS, "Epochs", *labels)
    texts = tuple((*map(Cell, key[: len(SETTINGS) + 1]), *cells) for key, cells in rows.items())
    return Table(caption, columns, frozenset(columns) - {"Residual", "Schedule"}, texts)

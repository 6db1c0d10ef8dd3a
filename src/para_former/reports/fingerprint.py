"""The table of the settings that the paper leaves open: every combination tried, beside the accuracies it prints."""

import json
import statistics
from collections.abc import Sequence

from para_former.reports import paper
from para_former.reports.document import Cell, Table
from para_former.reports.experiments import Experiment, Network, network_label
from para_former.reports.tables import linked_accuracy, not_measured, signed, title

SHAPES = ((1, 1), (1, 24), (6, 6))
NAMES = [f"para_former_{m}_{n}" for m, n in SHAPES]
SETTINGS = {
    "Size": ("image_size", "patch_size"),
    "Width": ("width",),
    "MLP": ("mlp_ratio",),
    "Residual": ("residual",),
    "RandAug": ("randaugment_rounds",),
    "Batch": ("batch_size",),
    "Rate": ("lr",),
    "Schedule": ("schedule",),
}


def settings(experiment: Experiment) -> dict[str, str]:
    """The open settings of a variant, by column."""
    found = experiment.runs[0].settings
    return {
        column: "/".join(str(json.loads(found.get(name, "null"))) for name in names)
        for column, names in SETTINGS.items()
    }


def wording(experiment: Experiment) -> str:
    """The same, in a sentence."""
    return ", ".join(f"{column.lower()} {value}" for column, value in settings(experiment).items())


def ranked(found: Sequence[Experiment]) -> list[Experiment]:
    """The longest trainings first, among equals those with most networks measured, then the nearest to the paper."""
    return sorted(found, key=lambda each: (-each.epochs, -len(each.measured), distance(each), each.variant))


def distance(experiment: Experiment) -> float:
    """Mean distance to the paper over the networks of the table, points; infinite where none is measured."""
    gaps = [abs(network.top1 - network.paper_top1) for network in _networks(experiment) if network]
    return statistics.fmean(gaps) if gaps else float("inf")


def fingerprint_table(found: Sequence[Experiment]) -> Table:
    """One row a variant, ranked; its networks share the row, whatever the precision that each was trained with."""
    rows: dict[tuple[str, ...], list[Network | None]] = {}
    for experiment in ranked(found):
        networks, key = _networks(experiment), (*settings(experiment).values(), str(experiment.epochs))
        begun = rows.get(key, [None] * len(SHAPES))
        if any(old and new for old, new in zip(begun, networks, strict=True)):
            key = (*key, str(len(rows)))  # measured twice: a row of its own
            begun = [None] * len(SHAPES)
        rows[key] = [old or new for old, new in zip(begun, networks, strict=True)]
    labels = [network_label(name, m, n) for name, (m, n) in zip(NAMES, SHAPES, strict=True)]
    printed = paper.trained_from_scratch(found[0].dataset)
    figures = ", ".join(f"{printed[shape]:.2f} with {label}" for shape, label in zip(SHAPES, labels, strict=True))
    caption = (
        f"{title(found[0].dataset)}, test top-1 in %, and with it the distance to the paper in points ({figures}, "
        f"after {paper.EPOCHS} epochs). 6-6 ahead: of Para-F-1-24, points (the paper: "
        f"{signed(printed[6, 6] - printed[1, 24])}). Size: image/patch, pixels. MLP: hidden width over width. "
        "RandAug: rounds of RandAugment at magnitude 14. Networks of one row may differ in the precision of their "
        "products."
    )
    columns = (*SETTINGS, "Epochs", *labels, "6-6 ahead")
    texts = tuple(
        (*map(Cell, key[: len(SETTINGS) + 1]), *map(_cell, networks), _ahead(*networks))
        for key, networks in rows.items()
    )
    return Table(caption, columns, frozenset(columns) - {"Residual", "Schedule"}, texts)


def _networks(experiment: Experiment) -> list[Network | None]:
    """Those of the table, None where one is not measured or not in the paper."""
    found = {network.model: network for network in experiment.measured if network.paper_top1}
    return [found.get(name) for name in NAMES]


def _cell(network: Network | None) -> Cell:
    return linked_accuracy(network, below=signed(network.top1 - network.paper_top1)) if network else not_measured()


def _ahead(_: Network | None, wide: Network | None, deep: Network | None) -> Cell:
    """What six layers in series have over 24 side by side."""
    return Cell(signed(deep.top1 - wide.top1)) if wide and deep else Cell("–")

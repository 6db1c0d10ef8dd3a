"""The section of a report on latency budgets: the accuracy-latency frontier of each data set, over all trained there.

The numbers are `pareto.py`, the drawing is `frontier_plot.py`; here are the tables, the sentences and the order.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from para_former.reports.document import Block, Cell, Figure, Grid, Heading, Paragraph, Points, Table
from para_former.reports.experiments import Experiment
from para_former.reports.findings import single_seed
from para_former.reports.frontier_plot import frontier_plot
from para_former.reports.pareto import KINDS, Point, frontier, points
from para_former.reports.tables import device, linked_accuracy, milliseconds, title

INTRODUCTION = (
    "Every network that was trained from scratch and timed, whatever its recipe, settings and epochs; a setting that "
    "is not the recipe's is named with it, and a study's runs stand in “One change at a time”. On the frontier are "
    "those to which no other is preferable: none answers as soon, is as accurate, and is better in one of the two."
)


def frontier_section(found: Sequence[Experiment]) -> Iterator[Block]:
    """Every data set with a network both tested and timed; nothing where there is none."""
    by_dataset = {dataset: points(list(members)) for dataset, members in groupby(found, key=lambda each: each.dataset)}
    if not any(by_dataset.values()):
        return
    yield Heading(2, "Which network for a latency budget?", anchor="frontier")
    yield Paragraph(INTRODUCTION)
    for dataset, members in by_dataset.items():
        if members:
            yield Heading(3, f"{title(dataset)}: accuracy against latency")
            drawing = frontier_plot(dataset, members, frontier(members))
            yield Grid("figures", (Figure((drawing,), "All networks, and the frontier.", _reading(members)),))
            yield Points(tuple(frontier_sentences(members)))
            yield _frontier_table(members)


def frontier_sentences(members: Sequence[Point]) -> list[str]:
    """Who wins where, and on what that rests."""
    front = frontier(members)
    seeds = single_seed((each.network for each in front), "network")
    texts = [_who_wins(front), _unseen(members), _training(members), seeds]
    return [text for text in texts if text]


def _who_wins(front: Sequence[Point]) -> str:
    """The frontier from left to right, neighbours of one kind together."""
    parts = []
    for kind, group in groupby(front, key=_kind_in_words):
        first, *others = group
        who, reached = f"{kind} {_name(first)}", f"{first.top1:.2f}"
        if others:
            last = others[-1]
            who, reached = f"{kind} networks, {_name(first)} to {_name(last)}", f"{reached} to {last.top1:.2f}"
        parts.append(f"from {milliseconds(first.ms)} ms {who} ({reached} %)")
    return f"Most accurate within a budget: {', '.join(parts)}."


def _kind_in_words(point: Point) -> str:
    return "the single module" if point.network.layers == 1 else point.kind


def _unseen(members: Sequence[Point]) -> str:
    """A frontier of one kind says nothing against the other."""
    seen = {each.kind for each in members if each.network.layers > 1}
    missing = [kind for kind in KINDS if kind not in seen]
    if not missing:
        return ""
    kinds = " or ".join(missing)
    return f"No {kinds} network of several layers is both tested and timed here: nothing speaks for or against them."


def _training(members: Sequence[Point]) -> str:
    trained = {each.experiment.training for each in members}
    if len(trained) == 1:
        return ""
    return (
        f"These networks were trained in {len(trained)} ways (recipe, settings and epochs): part of what tells them "
        "apart is training, not m and n."
    )


def _frontier_table(members: Sequence[Point]) -> Table:
    latency, front = members[0].network.latency, frontier(members)
    caption = (
        f"The frontier: {len(front)} of {len(members)} networks, the fastest first: the last row within a "
        f"budget is the network for it. Latency: median, batch {latency['batch']}, {device(latency)}, prepared, "
        "the fastest of a network's measurements; each was timed in turns with its serial peer, not with the others, "
        "so small differences mean nothing. Two rows "
        "compare m and n only where recipe, settings, epochs and stem are the same."
    )
    return Table.from_rows(caption, list(map(_row, front)), {"Network", "Recipe"})


def _row(point: Point) -> dict[str, Cell | str | int]:
    network = point.network
    return {
        "Network": Cell(network.label, below=point.build),
        "Recipe": Cell(point.experiment.recipe, below=point.experiment.variant),
        "Epochs": point.experiment.epochs,
        "Parameters": f"{network.parameters:,}",
        "Latency, ms": milliseconds(point.ms),
        "Test top-1, %": linked_accuracy(network),
    }


def _reading(members: Sequence[Point]) -> str:
    marks = ["Circle: parallel; square: serial (m = n)"]
    marks += ["hollow: convolutional stem"] if any(each.settings.get("stem") == "conv" for each in members) else []
    marks += ["faint: another network is preferable", "line: what a budget reaches; bars: spread over seeds"]
    return f"{'; '.join(marks)}."


def _name(point: Point) -> str:
    return f"{point.network.label} with {point.build}" if point.build else point.network.label

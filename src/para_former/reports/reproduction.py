"""The sections of a report that set the paper's Tables 2 and 3 beside what was measured, and say what that answers.

A cell is one network on one data set under one recipe: the longest training that was tested, with its distance to the
paper and links to its records. The sentences are `answers.py`; each data set in full follows in its own section.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from para_former.records import OF_THE_PAPER
from para_former.reports import answers, paper
from para_former.reports.document import Block, Cell, Heading, Paragraph, Points, Table
from para_former.reports.experiments import Experiment, Network, experiments, network_label
from para_former.reports.fingerprint import fingerprint_table
from para_former.reports.rivals import rivals, rivals_table, summary
from para_former.reports.runs import Run
from para_former.reports.tables import linked_accuracy, not_measured, signed

ROWS = {
    "measured, paper": ("paper",),
    "measured, paper-short": ("paper-short",),
    "measured, ours": ("modern", "shallow"),
}
"""recipes of each row: the paper's likely settings, the same for fewer epochs, and ours for the same m-n"""
ONLY_NORMED = {"residual": ('"standard"', '"normed"')}
"""the one setting, before and after, in which a row more departs from the first two"""


def reproduction_section(found: Sequence[Experiment], normed: Sequence[Experiment]) -> Iterator[Block]:
    """Both tables, and where the paper's text and its tables disagree."""
    yield Heading(2, "The paper's tables, measured", anchor="reproduction")
    for number, printed in ((2, paper.TABLE_2), (3, paper.TABLE_3)):
        yield _table(number, printed, found, normed)
    yield Heading(3, "What the paper says of its tables")
    yield Points(answers.PAPER_AGAINST_ITSELF)


def answers_section(found: Sequence[Experiment], normed: Sequence[Experiment]) -> Iterator[Block]:
    """What the records answer to the paper's questions, and to the one it leaves out; nothing without an answer."""
    again = {(each.dataset, each.name) for each in normed}
    others = [each for each in found if (each.dataset, each.name) not in again]
    asked, pairs = answers.questions([*others, *normed]), rivals(found)
    if asked or pairs:
        yield Heading(2, "Answers to the paper's questions", anchor="answers")
    for title, sentences in asked:
        yield Heading(3, title)
        yield Points(tuple(sentences))
    if pairs:
        yield Heading(3, "Is a serial network of equal size, or of equal latency, better?")
        yield Paragraph(summary(pairs))
        yield rivals_table(pairs)


def fingerprint_section(found: Sequence[Experiment], fingerprints: Sequence[Experiment]) -> Iterator[Block]:
    """The settings that the paper leaves open: every combination tried, the recipes among them, for each data set."""
    of_the_paper = [each for each in fingerprints if each.dataset in paper.TITLES]
    if of_the_paper:
        yield Heading(2, "Which settings does the paper use?", anchor="fingerprint")
    for dataset, members in groupby(of_the_paper, key=lambda each: each.dataset):
        tried = list(members)
        yield Heading(3, f"{paper.TITLES[dataset]}: every combination tried")
        tried += [each for each in found if each.dataset == dataset and each.recipe in OF_THE_PAPER and not each.start]
        yield Paragraph(answers.fingerprint(tried))
        yield fingerprint_table(tried)


def with_normed_residual(runs: Sequence[Run]) -> list[Experiment]:
    """The runs that differ from one by a recipe of the paper in the residual alone, those of studies among them.

    As runs of that recipe, and without latencies, which the residual does not change.
    """
    whole = [run for run in runs if run.whole and not run.start]
    own = {_trained(run): run for run in whole if run.line["recipe"] in OF_THE_PAPER and not run.changed}
    alike = []
    for run in whole:
        other = own.get(_trained(run))
        if other and other.differences(run) == ONLY_NORMED:
            changed = {"recipe": other.line["recipe"], "changed": list(ONLY_NORMED)}
            alike.append(replace(run, line={**run.line, **changed}))
    return experiments(alike, [])


def _trained(run: Run) -> tuple[str, str, int]:
    return run.line["dataset"], run.line["model"], run.line["epochs"]


def _table(number: int, printed: dict, found: Sequence[Experiment], normed: Sequence[Experiment]) -> Table:
    shapes = list(next(iter(printed.values())))
    rows = []
    for dataset, title in paper.TITLES.items():
        published = [Cell(f"{printed[dataset][shape]:.2f}") for shape in shapes]
        rows.append((Cell(title, below="the paper"), *published))
        measured = {name: [_cell(found, dataset, recipes, shape) for shape in shapes] for name, recipes in ROWS.items()}
        if all(cell.kind == "missing" for cells in measured.values() for cell in cells):
            measured = {"measured": next(iter(measured.values()))}
        more = [_cell(normed, dataset, OF_THE_PAPER, shape) for shape in shapes]
        if any(cell.kind != "missing" for cell in more):
            measured["measured, normed residual"] = more
        rows += [(Cell(title, below=name), *cells) for name, cells in measured.items()]
    columns = ("Data set", *(network_label(f"para_former_{m}_{n}", m, n) for m, n in shapes))
    caption = (
        f"Table {number} of the paper ({paper.EPOCHS} epochs, seeds not given) and ours: test top-1, %, after the last "
        "epoch, mean ± sample standard deviation over seeds; with it the distance to the paper in points, the epochs, "
        "the recipe, and the record of each seed. Paper: the recipe of the paper's likely settings; paper-short: "
        "fewer epochs at ten times their rate, annealed; ours: a recipe of ours, from patches, with epochs and a "
        "number of heads of its own; normed residual: as the first two but for the residual, which adds to the normed "
        "input as in the authors' later code."
    )
    return Table(caption, columns, frozenset(columns[1:]), tuple(rows))


def _cell(found: Sequence[Experiment], dataset: str, recipes: Sequence[str], shape: tuple[int, int]) -> Cell:
    tested = longest(found, dataset, recipes, shape)
    if tested is None:
        return not_measured()
    experiment, network = tested
    gap = signed(network.top1 - network.paper_top1)
    return linked_accuracy(network, below=f"{gap}, {experiment.training}")


def longest(
    found: Sequence[Experiment], dataset: str, recipes: Sequence[str], shape: tuple[int, int]
) -> tuple[Experiment, Network] | None:
    """The longest tested training of the paper's network from scratch under these recipes.

    Of equals one by the recipe as it is, then one of most seeds.
    """
    name = "para_former_{}_{}".format(*shape)
    tested = [
        (experiment, network)
        for experiment in found
        if experiment.dataset == dataset and experiment.recipe in recipes and not experiment.start
        for network in experiment.measured
        if network.model == name
    ]
    return max(tested, key=lambda pair: (pair[0].epochs, not pair[1].changed, pair[1].seeds), default=None)

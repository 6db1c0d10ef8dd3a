"""The section of a report on a recipe with one change at a time: what each setting is worth.

A changed run is set beside the run of the recipe itself on the same data set, for as many epochs, of the same network.
What the change is, the settings in the two records say.
"""

import json
from collections.abc import Iterator, Sequence

from para_former.records import ABLATION
from para_former.reports.document import Block, Cell, Heading, Paragraph, Table
from para_former.reports.experiments import Experiment, Network
from para_former.reports.tables import latency, linked_accuracy, not_measured, signed, title

INTRODUCTION = (
    "Each row is the recipe with one setting changed and all others kept. Differences of less than a point may be "
    "chance: on 10,000 test images an accuracy has a standard error of 0.3 to 0.5 points, on fewer a larger one, and a "
    "seed changes it as much or more."
)


def ablation_section(found: Sequence[Experiment], ablations: Sequence[Experiment]) -> Iterator[Block]:
    """One table for each recipe, data set and number of epochs; nothing without a changed run."""
    tables = ablation_tables(found, ablations)
    if tables:
        yield Heading(2, "One change at a time", anchor="ablation")
        yield Paragraph(INTRODUCTION)
        yield from tables.values()


def ablation_tables(found: Sequence[Experiment], ablations: Sequence[Experiment]) -> dict[str, Table]:
    """By title: the changed runs of one recipe on one data set beside those of the recipe itself, among `found`."""
    scratch, tables = [each for each in found if not each.start], {}
    for key in sorted({_key(each) for each in ablations if each.measured}):
        whole, changed = ([each for each in group if _key(each) == key] for group in (scratch, ablations))
        tables["{}, {}, {} epochs, one change at a time".format(*key)] = _table(key, whole, changed)
    return tables


def _key(experiment: Experiment) -> tuple[str, str, int]:
    return experiment.dataset, experiment.recipe.removesuffix(ABLATION), experiment.epochs


def _table(key: tuple[str, str, int], whole: Sequence[Experiment], ablations: Sequence[Experiment]) -> Table:
    """The network under the recipe itself, then its changed runs, the worst first."""
    dataset, recipe, epochs = key
    own = {network.model: network for each in whole for network in each.measured if not network.changed}
    networks = [network for each in ablations for network in each.measured]
    rows = []
    for model in dict.fromkeys(network.model for network in networks):
        if model in own:
            rows.append(_row(own[model], "nothing", own[model]))
        members = sorted((one for one in networks if one.model == model), key=lambda one: one.top1)
        rows += [_row(one, _change(one, own.get(model)), own.get(model)) for one in members]
    caption = (
        f"{title(dataset)}, {epochs} epochs of recipe {recipe}: test top-1, %, and the difference to the recipe in "
        "points. Latency: one image, prepared."
    )
    return Table.from_rows(caption, rows, {"Network", "Changed"})


def _row(network: Network, change: str, own: Network | None) -> dict[str, Cell | str]:
    difference = "–" if own is network else signed(network.top1 - own.top1) if own else not_measured()
    return {
        "Network": network.label,
        "Changed": change,
        "Test top-1, %": linked_accuracy(network),
        "Difference": difference,
        "Latency, ms": latency(network),
    }


def _change(network: Network, own: Network | None) -> str:
    """The settings that differ from the recipe's own, in the order of their names."""
    if own is None:
        return "of what, is not measured"
    differences = own.runs[0].differences(network.runs[0])
    return ", ".join(f"{_word(name)} {_value(old)} → {_value(new)}" for name, (old, new) in differences.items())


def _word(name: str) -> str:
    return {"lr": "rate", "pool": "read-out"}.get(name, name.replace("_", " "))


def _value(text: str) -> str:
    value = json.loads(text)
    return f"{value:g}" if isinstance(value, float) else str(value)

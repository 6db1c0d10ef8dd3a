"""The section of a report on fine-tuning: networks that began with pretrained weights beside the same from scratch.

A row is a network on one data set with one recipe, number of epochs and data set to pretrain on; runs that began with
different weights from there are seeds of one row. Beside it stands the training from scratch of the same network that
is most alike, and what else differs between the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from para_former.reports import paper
from para_former.reports.document import Block, Cell, Heading, Paragraph, Points, Table
from para_former.reports.experiments import Experiment, Network, built_shape
from para_former.reports.findings import doubt, single_seed
from para_former.reports.tables import linked_accuracy, not_measured, signed, title

PAPERS_NETWORK = "para_former_base_12_12"
"""the network of Table 4; that it is a ViT-B is our reading"""


@dataclass(frozen=True)
class Transfer:
    """A fine-tuned network, where its weights come from, and the same network from scratch if one was trained."""

    experiment: Experiment
    network: Network
    origin: str
    scratch: tuple[Experiment, Network] | None

    @property
    def gain(self) -> float | None:
        """Percentage points over training from scratch."""
        known = self.network.tested and self.scratch is not None
        return self.network.top1 - self.scratch[1].top1 if known else None

    @property
    def name(self) -> str:
        return f"{self.network.label} on {title(self.experiment.dataset)} from {self.origin}"


def transfer_section(found: Sequence[Experiment]) -> Iterator[Block]:
    """Nothing where no run began with pretrained weights."""
    rows = transfers(found)
    if not rows:
        return
    yield Heading(2, "Fine-tuning (the paper's Section 4.4, Table 4)", anchor="transfer")
    yield Paragraph(_papers_figures(rows))
    yield _table(rows)
    yield Points(tuple(transfer_sentences(rows)))


def transfers(found: Sequence[Experiment]) -> list[Transfer]:
    """Every fine-tuned network, in the order of the experiments."""
    merged: dict[tuple, tuple[Experiment, Network]] = {}
    for experiment in found:
        for network in experiment.networks if experiment.start else ():
            key = (experiment.dataset, experiment.recipe, experiment.epochs, experiment.variant)
            key += (network.model, origin(network))
            if key in merged:
                network = replace(network, runs=merged[key][1].runs + network.runs)
            merged[key] = experiment, network
    return [Transfer(*pair, origin(pair[1]), _from_scratch(*pair, found)) for pair in merged.values()]


def origin(network: Network) -> str:
    """The data set that the weights were trained on, in words; the name of the weights where no run tells it."""
    weights = network.runs[0].line["pretrained"]
    return title(weights["dataset"]) if "dataset" in weights else weights["name"]


def _from_scratch(
    experiment: Experiment, network: Network, found: Sequence[Experiment]
) -> tuple[Experiment, Network] | None:
    """The same network with the same recipe, epochs and settings if there is one, or else the nearest in that order."""
    run = network.runs[0]
    shape = built_shape(run.line["model_config"])
    same = [
        (each, one)
        for each in found
        if each.dataset == experiment.dataset and not each.start
        for one in each.measured
        if one.model == network.model and built_shape(one.runs[0].line["model_config"]) == shape
    ]

    def distance(pair: tuple[Experiment, Network]) -> tuple:
        each, one = pair
        epochs = abs(each.epochs - experiment.epochs)
        return each.recipe != experiment.recipe, epochs, len(run.differences(one.runs[0])), each.name

    return min(same, key=distance, default=None)


def transfer_sentences(rows: Sequence[Transfer]) -> list[str]:
    """Who gains and who loses, and on what that rests."""
    known = [each for each in rows if each.gain is not None]
    if not known:
        return ["No fine-tuned network is tested both ways: nothing is said of what pretrained weights bring."]
    ahead, behind = ([each for each in known if (each.gain > 0) == above] for above in (True, False))
    texts = [f"More accurate from pretrained weights than from scratch: {_gains(ahead)}."] if ahead else []
    texts += [f"No more accurate from pretrained weights than from scratch: {_gains(behind)}."] if behind else []
    if any(_what_else(each) or each.experiment.training != each.scratch[0].training for each in known):
        texts.append("Where more than the start differs, as a cell says, the gain is not that of the weights alone.")
    texts.append(single_seed(network for each in known for network in (each.network, each.scratch[1])))
    return [text for text in texts if text]


def _gains(rows: Sequence[Transfer]) -> str:
    gains = []
    for each in rows:
        experiment, scratch = each.scratch
        epochs = f"{each.experiment.epochs} against {experiment.epochs} epochs"
        gains.append(f"{each.name}, {signed(each.gain)} points ({epochs}{doubt(each.network, scratch)})")
    return "; ".join(gains)


def _table(rows: Sequence[Transfer]) -> Table:
    cells = [
        {
            "Data set": title(each.experiment.dataset),
            "Network": each.network.label,
            "Weights from": each.origin,
            "Fine-tuned, %": linked_accuracy(each.network, below=each.experiment.training),
            "From scratch, %": _scratch_cell(each),
            "Gain, points": not_measured() if each.gain is None else signed(each.gain),
        }
        for each in rows
    ]
    caption = (
        "Test top-1, %, of the same network after fine-tuning and from scratch, mean ± sample standard deviation over "
        "seeds; with it epochs, recipe, what else differs, and the record of each seed. Pretraining is not in the "
        "epochs."
    )
    return Table.from_rows(caption, cells, {"Data set", "Network", "Weights from"})


def _scratch_cell(row: Transfer) -> Cell:
    if row.scratch is None:
        return not_measured()
    experiment, network = row.scratch
    return linked_accuracy(network, below=", ".join([experiment.training, *_what_else(row)]))


def _what_else(row: Transfer) -> list[str]:
    """The settings that differ between the two beside the start; recipe and epochs are no settings."""
    return [f"other {name}" for name in row.network.runs[0].differences(row.scratch[1].runs[0])]


def _papers_figures(rows: Sequence[Transfer]) -> str:
    figures = ", ".join(f"{paper.TITLES[name]} {top1:.2f}" for name, top1 in paper.TABLE_4.items())
    measured = any(each.network.model == PAPERS_NETWORK and each.network.tested for each in rows)
    return (
        f"The paper's Table 4 fine-tunes Para-F-12-12 from ImageNet weights for 10 epochs: {figures} %"
        f"{'.' if measured else '; that is not measured here.'} Below, networks of our own begin with what they "
        "learned on one data set and are set beside the same networks from scratch on another."
    )

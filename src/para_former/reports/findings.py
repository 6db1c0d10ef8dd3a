"""What an experiment's records say, in sentences: each computed from the same numbers as the table, none beyond them.

Two networks whose means differ by no more than their two spreads over seeds together are said to be within the spread;
with a single seed the spread is unknown, and a sentence says so. A difference no larger than its standard error, had
each been tested on images of its own, is said to be within the sampling error.
"""

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise

from para_former.reports.experiments import Experiment, Network, grouped
from para_former.reports.tables import counted, duration, hardware

PREFIX = "Para-F-"
SPREAD, SAMPLING = "within the spread over seeds", "within the sampling error of the test images"


def growth_with_layers(experiment: Experiment) -> str:
    """Whether accuracy grows with n at depth 1, the claim of the paper's Table 2."""
    return " ".join(filter(None, (_trend("At depth 1", "layers", chain) for chain in depth_one(experiment))))


def growth_with_depth(experiment: Experiment) -> str:
    """Whether accuracy grows with m where n is the same, the claim of the paper's Table 3; the largest n first."""
    texts = (
        _trend(f"With {layers} layers", "depth", chain)
        for layers in sorted({network.layers for network in experiment.measured}, reverse=True)
        for chain in _chains([network for network in experiment.measured if network.layers == layers])
    )
    return " ".join(filter(None, texts))


def course(experiment: Experiment) -> str:
    """The learning curves in one line: how far they run, and which network is ahead on validation images there."""
    last = [
        (
            statistics.fmean(run.epochs[experiment.epochs]["validation_top1"] for run in complete),
            network.label,
            complete,
        )
        for network in experiment.networks
        if (complete := [run for run in network.runs if experiment.epochs in run.epochs])
    ]
    band = "Mean over seeds; the band runs from the lowest to the highest."
    if not last:
        return f"{band} No run has reached epoch {experiment.epochs}."
    accuracy, label, runs = max(last, key=lambda one: one[:2])
    most = "the most, " * (len(last) > 1)
    of = f"of the {runs[0].line['split']['validation']:,} validation images"
    return f"{band} At epoch {experiment.epochs}, {label} has {most}{accuracy:.2f} % {of}."


def depth_one(experiment: Experiment) -> list[list[Network]]:
    """The measured networks of depth 1 by layers, each family by itself, the longest chain first."""
    return _chains([network for network in experiment.measured if network.depth == 1])


def names(networks: Sequence[Network]) -> str:
    """Labels as a list in words; the common prefix is said once."""
    first, *others = [network.label for network in networks]
    *middle, last = [first, *(label.removeprefix(PREFIX) for label in others)]
    return f"{', '.join(middle)} and {last}" if middle else last


def single_seed(networks: Iterable[Network], what: str = "cell") -> str:
    """A warning where one of the networks was trained with one seed only; else nothing."""
    single = any(network.spread is None for network in networks)
    return f"Where a {what} rests on a single seed the spread is unknown, and small differences mean nothing." * single


def training(experiment: Experiment) -> str:
    """What the table took to train, by place: the seconds of all epochs, those of unfinished runs among them."""
    seconds: dict[str, float] = {}
    for line, epochs in (piece for run in experiment.runs for piece in run.pieces):
        place = hardware(line)
        seconds[place] = seconds.get(place, 0.0) + sum(epoch["seconds"] for epoch in epochs)
    times = " and ".join(f"{duration(seconds[place])} on {place}" for place in sorted(seconds))
    counts = f"{counted(len(experiment.networks), 'network')}, {counted(len(experiment.runs), 'run')}"
    return f"Training: {counts}, {times}, validation not counted."


def _chains(networks: list[Network]) -> list[list[Network]]:
    """Networks of one family together, in order of layers and depth, the longest chain first."""
    chains = grouped(sorted(networks, key=lambda each: (each.layers, each.depth)), lambda each: each.family)
    return sorted(chains.values(), key=lambda chain: -len(chain))


def _trend(where: str, axis: str, chain: list[Network]) -> str:
    if len(chain) < 2:
        return ""
    steps = list(pairwise(chain))
    falls = [(low, high) for low, high in steps if high.top1 <= low.top1]
    values = ", ".join(
        f"{network.label if network is chain[0] else network.label.removeprefix(PREFIX)} {network.top1:.2f}"
        for network in chain
    )
    if not falls:
        text = f"{where} mean accuracy grows with every step in {axis}: {values}."
    elif len(falls) == len(steps):
        text = f"{where} mean accuracy does not grow with {axis}: {values}."
    else:
        rises = [step for step in steps if step not in falls]
        text = (
            f"{where} mean accuracy grows with {axis} from {_arrows(rises)}, but not from {_arrows(falls)}: {values}."
        )
    unclear = grouped(steps, lambda step: _chance(*step))
    found = [why for why in (SPREAD, SAMPLING) if why in unclear]
    return text + "".join(f" {why.capitalize()}: {_arrows(unclear[why])}." for why in found)


def doubt(one: Network, other: Network) -> str:
    """Behind a comma, why a difference may be chance; else nothing."""
    why = _chance(one, other)
    return f", {why}" if why else ""


def _chance(one: Network, other: Network) -> str:
    gap, known = abs(one.top1 - other.top1), one.spread is not None and other.spread is not None
    if known and gap <= one.spread + other.spread:
        return SPREAD
    return SAMPLING if gap**2 <= one.sampling_variance + other.sampling_variance else ""


def _arrows(steps: list[tuple[Network, Network]]) -> str:
    return ", ".join(f"{low.label} to {high.label.removeprefix(PREFIX)}" for low, high in steps)

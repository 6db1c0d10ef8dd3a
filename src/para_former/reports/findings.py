"""What an experiment's records say, in sentences: each computed from the same numbers as the table, none beyond them.

Two networks whose means differ by no more than their two spreads over seeds together are said to be within the spread;
with a single seed the spread is unknown, and a sentence says so.
"""

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise

from para_former.reports import paper
from para_former.reports.experiments import Experiment, Network
from para_former.reports.tables import device, duration, hardware, ratio, signed

PREFIX = "Para-F-"


def findings(experiment: Experiment) -> list[str]:
    """The reading of one table, a sentence or two a point."""
    if not experiment.measured:
        return ["No test accuracy has been measured in this experiment yet."]
    points = (
        _best,
        _seeds,
        growth_with_layers,
        growth_with_depth,
        _serial_accuracy,
        latency,
        _against_paper,
        _missing,
        _training,
    )
    return [text for text in (point(experiment) for point in points) if text]


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


def latency(experiment: Experiment) -> str:
    """Which networks of more than one branch answer sooner than a serial one of as many layers."""
    timed = [network for network in experiment.networks if network.latency and not network.serial]
    if not timed:
        return "No latency of a network of several branches has been measured here."
    faster = [network for network in timed if network.latency["ratio"]["q1"] > 1]
    slower = [network for network in timed if network.latency["ratio"]["q3"] < 1]
    level = [network for network in timed if network not in faster and network not in slower]
    parts = []
    if faster:
        parts.append(f"faster for {names(faster)} ({_range(faster)})")
    if slower:
        parts.append(f"slower for {names(slower)} ({_range(slower)})")
    if level:
        parts.append(f"neither faster nor slower for {names(level)}")
    timing = timed[0].latency
    where = f"at batch {timing['batch']} ({device(timing)})"
    return f"Against a serial network of as many layers, {where}, branches in parallel are {', '.join(parts)}."


def gain(experiment: Experiment) -> str:
    """Accuracy against layers in one line: what depth 1 gains, and what depth adds."""
    chain = next(iter(depth_one(experiment)), [])
    text = "Too few networks of depth 1 are measured to show a trend."
    if len(chain) > 1:
        change = chain[-1].top1 - chain[0].top1
        text = f"From {chain[0].layers} to {chain[-1].layers} layers, depth 1 {_changes(change)}."
    best = experiment.best
    if chain and best and best.depth > 1:
        ahead = best.top1 - max(network.top1 for network in chain)
        text += f" {best.label}, of depth {best.depth}, is {ahead:.2f} points above the best of depth 1."
    return text


def trade(experiment: Experiment) -> str:
    """Accuracy against latency in one line: the networks that no other beats in both."""
    timed = sorted((network for network in experiment.measured if network.latency), key=median_ms)
    front = [one for one in timed if not any(_beats(other, one) for other in timed)]
    bar = "The bar is the time, not the accuracy, of a serial network of as many layers."
    if len(timed) == 1:
        return bar
    if len(front) == len(timed):
        return f"{bar} No measured network is both faster and more accurate than another."
    return (
        f"{bar} No measured network is both faster and more accurate than {names(front, 'or')}; "
        "each of the others is beaten in both."
    )


def course(experiment: Experiment) -> str:
    """The learning curves in one line: how far they run, and which network is ahead on validation images there."""
    last = [
        (statistics.fmean(run.epochs[experiment.epochs]["validation_top1"] for run in complete), network.label)
        for network in experiment.networks
        if (complete := [run for run in network.runs if experiment.epochs in run.epochs])
    ]
    band = "Mean over seeds; the band runs from the lowest to the highest."
    if not last:
        return f"{band} No run has reached epoch {experiment.epochs}."
    accuracy, label = max(last)
    return f"{band} At epoch {experiment.epochs}, {label} is ahead on the validation images: {accuracy:.2f} %."


def depth_one(experiment: Experiment) -> list[list[Network]]:
    """The measured networks of depth 1 by layers, each family by itself, the longest chain first."""
    return _chains([network for network in experiment.measured if network.depth == 1])


def names(networks: Sequence[Network], conjunction: str = "and") -> str:
    """Labels as a list in words; the common prefix is said once."""
    first, *others = [network.label for network in networks]
    *middle, last = [first, *(label.removeprefix(PREFIX) for label in others)]
    return f"{', '.join(middle)} {conjunction} {last}" if middle else last


def single_seed(networks: Iterable[Network], what: str = "cell") -> str:
    """A warning where one of the networks was trained with one seed only; else nothing."""
    single = any(network.spread is None for network in networks)
    return f"Where a {what} rests on a single seed the spread is unknown, and small differences mean nothing." * single


def median_ms(network: Network) -> float:
    """Milliseconds of a network that was timed."""
    return network.latency["ours_ms"]["median"]


def _best(experiment: Experiment) -> str:
    best, *others = sorted(experiment.measured, key=lambda network: -network.top1)
    spread = "" if best.spread is None else f" ± {best.spread:.2f}"
    text = f"{best.label} has the highest mean test accuracy, {best.top1:.2f}{spread} %"
    if not others:
        return f"{best.label} is the only network measured: {best.top1:.2f}{spread} % test accuracy."
    return f"{text}; {others[0].label} follows {best.top1 - others[0].top1:.2f} points behind{doubt(best, others[0])}."


def _seeds(experiment: Experiment) -> str:
    single = [network for network in experiment.measured if network.spread is None]
    if not single:
        return ""
    subject = "Every network" if len(single) == len(experiment.measured) else names(single)
    verb = "rests" if subject.startswith("Every") else _verb(single, "rests", "rest")
    return f"{subject} {verb} on a single seed, so the spread is unknown there and small differences mean nothing."


def _serial_accuracy(experiment: Experiment) -> str:
    serial = [network for network in experiment.measured if network.serial and network.layers > 1]
    parallel = [network for network in experiment.measured if not network.serial]
    if not serial or not parallel:
        return "These records do not compare a serial network of several layers with parallel ones in accuracy."
    texts = []
    for one in serial:
        below = [other for other in parallel if other.top1 < one.top1 and not doubt(one, other)]
        above = [other for other in parallel if other.top1 > one.top1 and not doubt(one, other)]
        level = [other for other in parallel if other not in below and other not in above]
        sides = _sides({"more accurate than": below, "less accurate than": above, "level with": level})
        texts.append(f"The serial {one.label} is {', '.join(sides)}.")
    return " ".join(texts)


def _against_paper(experiment: Experiment) -> str:
    pairs = [
        (network, network.top1 - network.paper_top1)
        for network in experiment.measured
        if network.paper_top1 is not None
    ]
    if not pairs:
        return ""
    sides = _sides(
        {
            "above it for": [network for network, gap in pairs if gap > 0],
            "below it for": [network for network, gap in pairs if gap < 0],
            "equal to it for": [network for network, gap in pairs if gap == 0],
        }
    )
    gaps = sorted({signed(gap) for _, gap in pairs}, key=lambda text: float(text.replace("−", "-")))
    return (
        f"After {experiment.epochs} epochs of the recipe {experiment.recipe}, beside the paper's figure "
        f"({paper.EPOCHS} epochs, settings not given): {', '.join(sides)}; "
        f"difference {' to '.join(dict.fromkeys([gaps[0], gaps[-1]]))} points."
    )


def _missing(experiment: Experiment) -> str:
    missing = [network for network in experiment.networks if not network.tested]
    return f"Not measured: {names(missing)}." if missing else ""


def _training(experiment: Experiment) -> str:
    """What the table took to train: the seconds of all epochs, those of unfinished runs among them."""
    networks = sum(bool(network.runs) for network in experiment.networks)
    runs = [run for network in experiment.networks for run in network.runs]
    seconds = sum(epoch["seconds"] for run in runs for epoch in run.epochs.values())
    places = " and ".join(sorted({hardware(run) for run in runs}))
    counts = f"{_number(networks, 'network')}, {_number(len(runs), 'run')}"
    return f"Training: {counts}, {duration(seconds)} in all, validation not counted, on {places}."


def _chains(networks: list[Network]) -> list[list[Network]]:
    """Networks of one family together, in order of layers and depth, the longest chain first."""
    chains: dict[str, list[Network]] = {}
    for network in sorted(networks, key=lambda network: (network.layers, network.depth)):
        chains.setdefault(network.family, []).append(network)
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
        text = f"{where} mean accuracy grows with {axis}, except from {_arrows(falls)}: {values}."
    unclear = [(low, high) for low, high in steps if doubt(low, high)]
    return text + (f" Within the spread over seeds: {_arrows(unclear)}." if unclear else "")


def _sides(networks: dict[str, list[Network]]) -> list[str]:
    return [f"{phrase} {names(members)}" for phrase, members in networks.items() if members]


def doubt(one: Network, other: Network) -> str:
    """`, within the spread over seeds` where a difference is no larger than the two spreads together."""
    known = one.spread is not None and other.spread is not None
    inside = known and abs(one.top1 - other.top1) <= one.spread + other.spread
    return ", within the spread over seeds" if inside else ""


def _arrows(steps: list[tuple[Network, Network]]) -> str:
    return ", ".join(f"{low.label} to {high.label.removeprefix(PREFIX)}" for low, high in steps)


def _range(networks: list[Network]) -> str:
    values = sorted(network.latency["ratio"]["median"] for network in networks)
    return " to ".join(dict.fromkeys([ratio(values[0]), ratio(values[-1])]))


def _verb(networks: Sequence[Network], singular: str, plural: str) -> str:
    return singular if len(networks) == 1 else plural


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _changes(points: float) -> str:
    return f"gains {points:.2f} points" if points >= 0 else f"loses {-points:.2f} points"


def _beats(one: Network, other: Network) -> bool:
    return one.top1 > other.top1 and median_ms(one) < median_ms(other)

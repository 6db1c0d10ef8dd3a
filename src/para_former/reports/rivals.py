"""What a serial ViT of equal size, or of equal latency, reaches: the comparison that the paper leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

from para_former.reports.document import Cell, Table
from para_former.reports.experiments import Experiment, Network
from para_former.reports.tables import counted, full_name, latency, milliseconds, not_measured, signed

TOLERANCE = 1.1
"""how much larger or slower a serial network may be to count as equal in size or latency"""


@dataclass(frozen=True)
class Rivals:
    """A parallel network, and the most accurate serial ones of several layers that are no larger and no slower."""

    experiment: Experiment
    network: Network
    no_larger: Network | None
    no_slower: Network | None


def rivals(found: Sequence[Experiment]) -> list[Rivals]:
    """Of every experiment with a serial network of several layers; larger and slower means by more than `TOLERANCE`."""
    pairs = []
    for experiment in found:
        serial = [network for network in experiment.measured if network.serial and network.layers > 1]
        for network in experiment.measured if serial else ():
            if network.serial:
                continue
            no_larger = [one for one in serial if one.parameters <= network.parameters * TOLERANCE]
            timed = [one for one in serial if network.latency and one.latency]
            no_slower = [one for one in timed if one.ms <= network.ms * TOLERANCE]
            pairs.append(Rivals(experiment, network, _most_accurate(no_larger), _most_accurate(no_slower)))
    return pairs


def summary(pairs: Sequence[Rivals]) -> str:
    """How often a serial network is ahead, and how often none of equal latency was there to compare."""
    larger, slower = ([(each.network, getattr(each, kind)) for each in pairs] for kind in ("no_larger", "no_slower"))
    texts = []
    for members, which in ((larger, "has no more parameters"), (slower, "answers no later")):
        met = [(ours, serial) for ours, serial in members if serial]
        ahead = sum(serial.top1 > ours.top1 for ours, serial in met)
        texts.append(f"the most accurate serial one that {which} is ahead in {ahead} of {len(met)} comparisons")
    early = [ours for ours, serial in slower if serial and 2 * serial.ms < ours.ms]
    lone = [ours for ours, serial in slower if ours.latency and not serial]
    text = f"Beside a parallel network {'; '.join(texts)}."
    gaps = [f"in {len(early)} of the latter the serial one takes less than half the time"] if early else []
    gaps += [f"for {counted(len(lone), 'network')} more none is as fast"] if lone else []
    return f"{text} Few serial networks were trained: {', and '.join(gaps)}." if gaps else text


def rivals_table(pairs: Sequence[Rivals]) -> Table:
    """Each parallel network beside its rivals."""
    rows = [
        {
            "Experiment": full_name(each.experiment),
            "Network": each.network.label,
            "Parameters, M": f"{each.network.parameters / 1e6:.2f}",
            "Latency, ms": latency(each.network),
            "Test top-1, %": f"{each.network.top1:.2f}",
            "Serial, no more parameters": _beside(each.network, each.no_larger),
            "Serial, as fast or faster": _beside(each.network, each.no_slower),
        }
        for each in pairs
    ]
    caption = (
        "Parallel networks beside serial ones of several layers (m = n, any width) trained alike: the most accurate of "
        "those with no more parameters, and of those that answer no later (one image, both prepared, as in the tables "
        "below), each with 10 % of tolerance. Points: serial less parallel; above 0 the serial network is the better "
        "choice."
    )
    return Table.from_rows(caption, rows, {"Experiment", "Network"})


def _most_accurate(networks: Sequence[Network]) -> Network | None:
    return max(networks, key=lambda one: one.top1, default=None)


def _beside(network: Network, best: Network | None) -> Cell:
    if best is None:
        return not_measured()
    after = f", {milliseconds(best.ms)} ms" if best.latency else ""
    below = f"{best.label}, {best.parameters / 1e6:.2f} M{after}"
    return Cell(f"{best.top1:.2f}", beside=signed(best.top1 - network.top1), below=below)

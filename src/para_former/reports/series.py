"""Runs that differ in the number of training images alone, as series: what the data effect is read from.

Any run on part of the training split belongs to a series; runs of the same settings on all of it are its last point.
Nothing is formatted here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from para_former.reports.experiments import Experiment, Network, experiments
from para_former.reports.power_law import PowerLaw, power_law
from para_former.reports.runs import Run
from para_former.reports.tables import full_name

SIZE = frozenset({"train_images"})
"""the setting in which runs of a series differ"""


@dataclass(frozen=True)
class Series:
    """Networks of one data set, recipe and number of epochs that trained on several numbers of images."""

    experiment: Experiment
    networks: tuple[Network, ...]

    @property
    def name(self) -> str:
        return full_name(self.experiment)

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for network in self.networks for run in network.runs)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of training images, rising."""
        return tuple(sorted({run.images for run in self.runs}))

    @property
    def whole(self) -> int | None:
        """The size that is all of the training split; None where no run had it."""
        return next((run.images for run in self.runs if run.whole), None)

    def at(self, network: Network, size: int) -> Network:
        """The network with its runs on so many images alone."""
        return replace(network, runs=tuple(run for run in network.runs if run.images == size))

    def measured(self, network: Network) -> dict[int, Network]:
        """The network at every size at which it was tested, rising."""
        return {size: there for size in self.sizes if (there := self.at(network, size)).tested}

    def errors(self, network: Network) -> dict[int, float]:
        """Test error by size, percent, mean over seeds."""
        return {size: 100 - there.top1 for size, there in self.measured(network).items()}

    def law(self, network: Network) -> PowerLaw | None:
        return power_law(self.errors(network))


def series(runs: Iterable[Run]) -> list[Series]:
    """Every series among the runs, data sets in the order of the page."""
    found = []
    for experiment in experiments(runs, [], aside=SIZE):
        networks = [one for one in experiment.networks if not all(run.whole for run in one.runs)]
        if networks:
            found.append(Series(experiment, tuple(networks)))
    return found

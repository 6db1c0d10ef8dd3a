"""Networks as points of latency and accuracy, and which of them are worth choosing: the Pareto frontier.

A point is a network trained from scratch under one recipe, with its test accuracy and its latency for one image. One
that answers no later than another, is no less accurate and is better in one of the two dominates it; what nothing
dominates is the frontier. Nothing is formatted here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from para_former.reports.experiments import Experiment, Network

KINDS = ("parallel", "serial")
BUILD = {"stem": "{} stem", "pool": "{} read-out", "heads": "{} heads", "width": "width {}", "merge": "merge {}"}
"""settings of a network that its name leaves open"""


@dataclass(frozen=True)
class Point:
    """One network of one experiment, tested and timed; `build` says how it is built where the others differ."""

    experiment: Experiment
    network: Network
    build: str = ""

    @property
    def ms(self) -> float:
        """Median latency, milliseconds."""
        return self.network.ms

    @property
    def top1(self) -> float:
        return self.network.top1

    @property
    def kind(self) -> str:
        return "serial" if self.network.serial else "parallel"

    @cached_property
    def settings(self) -> dict:
        return {name: json.loads(text) for name, text in self.network.runs[0].settings.items()}

    def dominates(self, other: "Point") -> bool:
        """No later, no less accurate, and better in one of the two."""
        no_worse = self.ms <= other.ms and self.top1 >= other.top1
        return no_worse and (self.ms, self.top1) != (other.ms, other.top1)


def points(found: Sequence[Experiment]) -> list[Point]:
    """The networks from scratch of the experiments on one data set that are tested and timed, the fastest first."""
    members = [Point(each, one) for each in found if not each.start for one in each.measured if one.latency]
    varied = [name for name in BUILD if len({str(each.settings.get(name)) for each in members}) > 1]

    def build(point: Point) -> str:
        return ", ".join(BUILD[name].format(point.settings[name]) for name in varied if name in point.settings)

    built = [replace(each, build=build(each)) for each in members]
    return sorted(built, key=lambda each: (each.ms, -each.top1, each.network.label, each.experiment.name))


def frontier(members: Sequence[Point]) -> list[Point]:
    """The points that no other dominates, the fastest first."""
    return [each for each in members if not any(other.dominates(each) for other in members)]

"""Record lines of training and timing, put together as runs; no accuracy is compared or averaged here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from para_former.errors import InputError
from para_former.records import EARLIER, STUDIES, Record
from para_former.reports.fields import read

NAMED = frozenset({"model", "dataset", "recipe", "epochs", "seed"})
"""fields of a configuration that name a run; every other one is a setting"""


@dataclass(frozen=True)
class Run:
    """One training run: its `run` line, its `epoch` lines by number, and its `test` line where there is one."""

    path: str
    line: Record
    epochs: dict[int, Record] = field(default_factory=dict)
    test: Record | None = None
    resumed: list[Record] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether it trained on all of the training split."""
        return self.line["config"].get("train_images") is None

    @property
    def changed(self) -> list[str]:
        """The settings in which it departs from its recipe; none in records from before they were told."""
        return self.line.get("changed", [])

    @property
    def images(self) -> int:
        """Images that it trained on."""
        return self.line["split"]["train"]

    @property
    def last_epoch(self) -> int:
        return max(self.epochs, default=0)

    @property
    def pieces(self) -> list[tuple[Record, list[Record]]]:
        """The lines that say where it ran, its `run` line and the `resumed` ones, each with the epochs trained there.

        Those without an epoch are left out, but for the first where there is none at all.
        """
        begun = [(0, self.line), *((each["epoch"], each) for each in self.resumed)]
        pieces = []
        for (start, line), (end, _) in pairwise([*begun, (self.last_epoch, {})]):
            pieces.append((line, [each for number, each in sorted(self.epochs.items()) if start < number <= end]))
        return [piece for piece in pieces if piece[1]] or pieces[:1]

    @property
    def speeds(self) -> list[float]:
        """Images/s of the epochs under the conditions of the first one."""
        first, _ = self.pieces[0]
        alike = (epochs for line, epochs in self.pieces if _conditions(line) == _conditions(first))
        return [epoch["images_per_second"] for epochs in alike for epoch in epochs]

    @property
    def top1(self) -> float | None:
        """Test accuracy, percent, of the last epoch; None where that was not measured."""
        complete = self.test is not None and self.test["epoch"] == self.line["epochs"]
        return float(self.test["top1"]) if complete else None

    @property
    def state(self) -> str:
        """Why there is no accuracy; empty where there is one."""
        if self.top1 is not None:
            return ""
        if self.last_epoch < self.line["epochs"]:
            return f"training unfinished, epoch {self.last_epoch} of {self.line['epochs']}"
        return "trained, not tested after the last epoch"

    @property
    def settings(self) -> dict[str, str]:
        """How the network is built and trained, each value as JSON text; null means left out, as in older records."""
        fields = {**EARLIER, **self.line["config"], **self.line["model_config"]}
        if self.line["dataset"].startswith("folder:"):  # its pictures come and go
            fields["pictures"] = self.line["spec"].get("counts")
        names = sorted(name for name in fields.keys() - NAMED if fields[name] is not None)
        return {name: json.dumps(fields[name], sort_keys=True) for name in names}

    def differences(self, other: "Run") -> dict[str, tuple[str, str]]:
        """(value here, value there) of every setting that both name and that differs, apart from the start."""
        one, two = self.settings, other.settings
        names = sorted(one.keys() & two.keys() - {"pretrained"})
        return {name: (one[name], two[name]) for name in names if one[name] != two[name]}

    @property
    def study(self) -> str:
        """Which study of changed settings it belongs to; empty for a run of a recipe as it is."""
        recipe = self.line["recipe"]
        return next((study for study in STUDIES if recipe.endswith(study)), "")

    @property
    def start(self) -> str:
        """The pretrained weights it started from, in words; empty for a run from scratch."""
        weights = self.line.get("pretrained")
        if not weights:
            return ""
        origin = f" on {weights['dataset']}" if "dataset" in weights else ""
        return f"from {weights['name']}{origin} ({weights['sha256'][:8]})"


def _conditions(line: Record) -> tuple[object, ...]:
    """What the speed of training depends on, of a `run` or `resumed` line; the first may be from before `compile`."""
    place = line["environment"]
    return (*(place.get(name) for name in ("hardware", "device", "threads")), line.get("compile", False))


def collect(records_by_path: Mapping[str, list[Record]]) -> tuple[list[Run], list[Record]]:
    """All training runs and all latency records, in the order of their paths; lines of other kinds are not read."""
    runs, latencies = [], []
    for path, record in read(records_by_path, "run", "resumed", "epoch", "test", "latency"):
        kind = record["kind"]
        run = runs[-1] if runs and runs[-1].path == path else None
        if kind == "run":
            runs.append(Run(path, record))
        elif kind == "latency":
            latencies.append(record)
        elif run is None:
            raise InputError(f"{path}: expected a run line before the first {kind} line, found none")
        elif kind == "resumed":
            run.resumed.append(record)
        elif kind == "epoch":
            run.epochs[record["epoch"]] = record
        elif run.test is None:
            runs[-1] = replace(run, test=record)
    return runs, latencies

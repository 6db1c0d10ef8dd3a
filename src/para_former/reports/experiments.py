"""Records, sorted into experiments: one data set, one recipe, one number of epochs, and the networks trained there.

A network's runs in one experiment differ in nothing but the seed; settings that depart from the recipe, and several
settings of one model, make experiments of their own. Here runs are grouped and means are taken; nothing is drawn or
formatted.
"""

import json
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from para_former.records import Record, shape
from para_former.reports import paper
from para_former.reports.runs import Run

OURS = "para_former"


@dataclass(frozen=True)
class Network:
    """One row of a table: a network, its runs over seeds, and its latency beside a serial network of as many layers."""

    model: str
    depth: int
    layers: int
    paper_top1: float | None
    runs: tuple[Run, ...]
    latency: Record | None

    @property
    def label(self) -> str:
        return network_label(self.model, self.depth, self.layers)

    @property
    def family(self) -> str:
        """The name without the shape: networks of one family differ in depth and layers alone."""
        return self.model.replace(f"{self.depth}_{self.layers}", "", 1) if self.model.startswith(OURS) else self.model

    @property
    def tested(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if run.top1 is not None)

    @property
    def top1(self) -> float | None:
        """Mean test accuracy over the runs, percent."""
        return statistics.fmean(run.top1 for run in self.tested) if self.tested else None

    @property
    def spread(self) -> float | None:
        """Sample standard deviation over the runs, percentage points; None for fewer than two."""
        return statistics.stdev(run.top1 for run in self.tested) if len(self.tested) > 1 else None

    @property
    def sampling_variance(self) -> float:
        """Of the mean accuracy over test images, in squared points: p (100 - p) / images."""
        images = self.runs[0].line["split"].get("test") or math.inf
        return self.top1 * (100 - self.top1) / images

    @property
    def seeds(self) -> int:
        return len({run.line["seed"] for run in self.tested})

    @property
    def parameters(self) -> int:
        return self.runs[0].line["parameters"]

    @property
    def ms(self) -> float | None:
        """Median milliseconds of one image; None where that was not timed."""
        return self.latency["ours_ms"]["median"] if self.latency else None

    @property
    def changed(self) -> bool:
        """Whether its runs depart from the recipe."""
        return any(run.changed for run in self.runs)

    @property
    def middle_run(self) -> Run:
        """The tested run of median accuracy (the lower one of an even number)."""
        ranked = sorted(self.tested, key=lambda run: (run.top1, run.path))
        return ranked[(len(ranked) - 1) // 2]

    @property
    def serial(self) -> bool:
        """m = n: one branch, an ordinary ViT."""
        return self.depth == self.layers


@dataclass(frozen=True)
class Experiment:
    """The networks of one data set, one recipe, one number of epochs and one start.

    `variant` names the settings that are not the recipe's, or that tell experiments apart.
    """

    dataset: str
    recipe: str
    epochs: int
    start: str
    variant: str
    networks: tuple[Network, ...]

    @property
    def training(self) -> str:
        """Epochs, recipe and variant in words, to stand in a cell."""
        return ", ".join(filter(None, [f"{self.epochs} epochs of {self.recipe}", self.variant]))

    @property
    def name(self) -> str:
        """Recipe, epochs, start and variant in words."""
        return ", ".join(filter(None, [f"recipe {self.recipe}", f"{self.epochs} epochs", self.start, self.variant]))

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for network in self.networks for run in network.runs)

    @property
    def measured(self) -> tuple[Network, ...]:
        """The networks with a test accuracy."""
        return tuple(network for network in self.networks if network.tested)

    @property
    def best(self) -> Network | None:
        """The network of highest mean test accuracy."""
        return max(self.measured, key=lambda network: network.top1, default=None)


def experiments(
    runs: Iterable[Run], latencies: Iterable[Record], aside: frozenset[str] = frozenset()
) -> list[Experiment]:
    """The runs by data set (the paper's first), recipe, epochs, start and variant, with the latencies of each.

    Settings named in `aside` make no variants.
    """
    latencies, found = list(latencies), []
    by_recipe = grouped(runs, lambda run: (run.line["dataset"], run.line["recipe"], run.line["epochs"], run.start))
    for key in sorted(by_recipe, key=lambda key: (dataset_order(key[0]), key)):
        members = by_recipe[key]
        varied = [name for name in _varied(members) if name not in aside]
        by_variant = grouped(members, lambda run, varied=varied: _wording(run.settings, varied))
        found += [_experiment(*key, variant, by_variant[variant], latencies) for variant in sorted(by_variant)]
    return found


def dataset_order(dataset: str) -> int:
    """Place of a data set on the page: as in the paper, then the others."""
    known = list(paper.TITLES)
    return known.index(dataset) if dataset in known else len(known)


def network_label(model: str, depth: int, layers: int) -> str:
    """`Para-F-1-6` for para_former_1_6, with what else the name says behind it; other names as they are."""
    if not model.startswith(OURS):
        return model
    return f"Para-F-{depth}-{layers} {model.removeprefix(OURS).replace(f'{depth}_{layers}', '', 1).strip('_')}".strip()


def label_of(record: Record) -> str:
    """The label of the network that a record is of."""
    return network_label(record["model"], record["depth"], record["layers"])


def _experiment(
    dataset: str, recipe: str, epochs: int, start: str, variant: str, runs: list[Run], latencies: list[Record]
) -> Experiment:
    timings = _comparable([latency for latency in latencies if latency["dataset"] == dataset])
    published = {} if start else paper.trained_from_scratch(dataset)
    by_model = grouped(runs, lambda run: (run.line["depth"], run.line["layers"], run.line["model"]))
    networks = [
        Network(
            model=model,
            depth=depth,
            layers=layers,
            paper_top1=published.get((depth, layers)) if model.startswith(OURS) else None,
            runs=tuple(members),
            latency=_latency(model, members, timings),
        )
        for (depth, layers, model), members in sorted(by_model.items(), key=lambda item: _network_order(item[0]))
    ]
    return Experiment(dataset, recipe, epochs, start, variant, tuple(networks))


def grouped(members: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list]:
    """Those of one key together, keys and members in their order."""
    groups: dict[Any, list] = {}
    for member in members:
        groups.setdefault(key(member), []).append(member)
    return groups


def _network_order(key: tuple[int, int, str]) -> tuple:
    shape = key[:2]
    return (paper.NETWORKS.index(shape) if shape in paper.NETWORKS else len(paper.NETWORKS), key)


def _varied(runs: list[Run]) -> list[str]:
    """The names of the settings in which a run departs from its recipe, or runs of one and the same model differ."""
    names = {name for run in runs for name in run.changed}
    for members in grouped(runs, lambda run: run.line["model"]).values():
        settings = [run.settings for run in members]
        names |= {name for each in settings for name in each if len({other.get(name) for other in settings}) > 1}
    return sorted(names)


def _wording(settings: dict[str, str], names: list[str]) -> str:
    return ", ".join(f"{name} {settings.get(name, 'unset')}" for name in names).replace('"', "")


def conditions(latency: Record) -> tuple:
    """What two latencies must share to stand in one table: batch size first, then device, precision and machine."""
    return latency["batch"], latency["device"], latency["dtype"], latency["threads"], machine(latency)


def machine(record: Record) -> str:
    """The hardware of a record as one text: equal for equal machines."""
    return json.dumps(record["environment"].get("hardware", {}), sort_keys=True)


def _comparable(latencies: list[Record]) -> list[Record]:
    """The latencies under one set of conditions: those with the smallest batch, and among them the most networks."""
    groups = grouped(latencies, conditions)
    order = sorted(groups, key=lambda key: (key[0], -len({each["model"] for each in groups[key]}), key))
    return groups[order[0]] if order else []


def _latency(model: str, runs: list[Run], latencies: list[Record]) -> Record | None:
    """The fastest measurement of a network built as these runs say, since other work on a machine only adds time."""
    built = [built_shape(run.line["model_config"]) for run in runs]
    timed = [each for each in latencies if each["model"] == model]
    fitting = [each for each in timed if all(one in (None, shape(each)) for one in built)]
    return min(
        fitting,
        key=lambda each: (each["ours_ms"]["median"], each["ratio"]["median"], json.dumps(each, sort_keys=True)),
        default=None,
    )


def built_shape(model_config: Record) -> Record | None:
    """The shape of a trained network (`records.shape`); None where its record does not tell."""
    if not {"width", "image_size", "patch_size"} <= model_config.keys():
        return None
    size, patch = model_config["image_size"], model_config["patch_size"]
    height, width = size if isinstance(size, (list, tuple)) else (size, size)
    tokens = (height // patch) * (width // patch) + (model_config.get("pool", "cls") == "cls")
    return shape({**model_config, "tokens": tokens})

"""A recipe with one change at a time, as runs: what is each of its settings worth?

The report sets the accuracies beside that of the recipe itself. In records the recipe of such a run is called by the
recipe's own name with "-ablation" behind it, so that no changed run is taken for the recipe.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from para_former.data import Augment
from para_former.records import ABLATION
from para_former.training.config import TrainConfig

CHANGES: dict[str, Callable[[TrainConfig], TrainConfig]] = {
    "own-heads": lambda run: replace(run, heads=None),
    "constant-rate": lambda run: replace(run, schedule="constant"),
    "no-label-smoothing": lambda run: replace(run, label_smoothing=0.0),
    "no-weight-decay": lambda run: replace(run, weight_decay=0.0),
    "no-augmentation": lambda run: replace(run, augment=Augment()),
    "paper-augmentation": lambda run: replace(
        run, augment=replace(run.augment, randaugment_rounds=2, randaugment_magnitude=14)
    ),
    "dropout": lambda run: replace(run, dropout=0.1),
    "conv-stem": lambda run: replace(run, stem="conv"),
    "mean-read-out": lambda run: replace(run, pool="mean"),
}


def changed(defaults: TrainConfig) -> Iterator[tuple[str, TrainConfig]]:
    """(name, run) for every change that is one: a recipe that has the setting already is left out."""
    for name, change in CHANGES.items():
        run = change(defaults)
        if run != defaults:
            yield name, replace(run, recipe=defaults.recipe + ABLATION)

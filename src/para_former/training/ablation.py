"""A recipe with one change at a time, as runs: what is each of its settings worth?

The report sets the accuracies beside that of the recipe itself. In records the recipe of such a run is called by the
recipe's own name with "-ablation" behind it, so that no changed run is taken for the recipe.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from para_former.data import Augment, get_spec
from para_former.errors import InputError
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
    "normed-residual": lambda run: replace(run, residual="normed"),
    "mean-read-out": lambda run: replace(run, pool="mean"),
}


def changed(defaults: TrainConfig) -> Iterator[tuple[str, TrainConfig]]:
    """(name, run) for every change that is one and that a network can have.

    Left out are those that the recipe has already, and those that do not fit its sizes: a stem that halves the image
    patches of 12, say, or heads that do not divide the width.
    """
    for name, change in CHANGES.items():
        run = change(defaults)
        if run != defaults and _is_possible(run):
            yield name, replace(run, recipe=defaults.recipe + ABLATION)


def _is_possible(run: TrainConfig) -> bool:
    try:
        run.network(get_spec(run.dataset, run.image_size))
    except InputError:
        return False
    return True

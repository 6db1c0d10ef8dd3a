"""The settings that the paper leaves open, as runs: which of them leads to the accuracies it prints?

The candidates are those of the authors' later code and of the public code base which that is derived from. Every
combination is one variant of the recipe `paper`; the report sets their accuracies beside the paper's. In records their
recipe is `FINGERPRINT`, so that no variant is taken for the recipe itself.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from para_former.records import FINGERPRINT
from para_former.training.config import TrainConfig

SIZES = {  # image, patch, width, heads, hidden width of the MLP over width; cheapest first
    "32-4-w192": {"image_size": 32, "patch_size": 4, "width": 192, "heads": 3, "mlp_ratio": 4.0},
    "32-4-w512": {"image_size": 32, "patch_size": 4, "width": 512, "heads": 8, "mlp_ratio": 1.0},
    "224-16-w192": {"image_size": 224, "patch_size": 16, "width": 192, "heads": 3, "mlp_ratio": 4.0},
}
RESIDUALS = ("standard", "normed")
RANDAUGMENT = {"randaugment": 2, "plain": 0}  # its rounds
SCHEDULES = ("constant", "cosine")


def variants(defaults: TrainConfig) -> Iterator[tuple[str, TrainConfig]]:
    """(name, run) for every combination of sizes, residual, RandAugment and schedule, all else as in `defaults`."""
    for (size, sizes), schedule, residual, (name, rounds) in product(
        SIZES.items(), SCHEDULES, RESIDUALS, RANDAUGMENT.items()
    ):
        augment = replace(defaults.augment, randaugment_rounds=rounds)
        settings = {**sizes, "schedule": schedule, "residual": residual, "augment": augment}
        yield f"{size}-{residual}-{name}-{schedule}", replace(defaults, recipe=FINGERPRINT, **settings)

"""Recipes: a run is a function that returns its configuration. The table at the end is what `--recipe` knows."""

from collections.abc import Callable

from para_former.data import get_spec
from para_former.errors import InputError
from para_former.training.config import TrainConfig


def basic(dataset: str) -> TrainConfig:
    """AdamW, warm-up and cosine, label smoothing 0.1, crop and flip: little to go wrong, trains on two CPU cores.

    para-former train --dataset cifar10 --model para_former_1_6 --epochs 30
    """
    if dataset == "digits":  # 8x8 grey, and small enough to train every network in seconds
        return TrainConfig(
            dataset=dataset,
            epochs=25,
            batch_size=64,
            lr=3e-3,
            padding=0,
            flip=False,
            patch_size=4,
            width=64,
            heads=4,
            dropout=0.1,
        )
    return TrainConfig(dataset=dataset)


RECIPES: dict[str, Callable[[str], TrainConfig]] = {"basic": basic}


def get_recipe(name: str, dataset: str) -> TrainConfig:
    """The configuration of recipe `name` for `dataset`."""
    get_spec(dataset)
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}: expected one of {', '.join(RECIPES)}")
    return RECIPES[name](dataset)

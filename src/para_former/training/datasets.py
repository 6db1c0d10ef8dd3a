"""The data set of a run: of one to come, and that of one long ago, checked to be the same images in the same splits."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from para_former.data import Dataset, load_dataset
from para_former.errors import InputError
from para_former.records import Record
from para_former.training.config import TrainConfig


def load_data(config: TrainConfig) -> Dataset:
    """The data set of a run to come; refused where not one batch of its training images is full."""
    dataset = load_dataset(
        config.dataset,
        config.data_root,
        image_size=config.image_size,
        skip_corrupt=config.skip_corrupt,
        train_images=config.train_images,
    )
    if config.batch_size > len(dataset.train):
        images = f"{len(dataset.train):,} images to train on"
        raise InputError(f"batch_size: expected at most the {images}, found {config.batch_size:,}")
    return dataset


def dataset_of(line: Record, data_root: Path | None) -> Dataset:
    """The data set that the run with this first line was trained on, with the same splits and the same inputs.

    InputError where other classes or numbers of images are found, another division into splits, images in another
    order, or a folder's files under other names.
    """
    settings = line["config"]
    dataset = load_dataset(
        settings["dataset"],
        data_root,
        image_size=settings["image_size"],
        skip_corrupt=settings["skip_corrupt"],
        train_images=settings.get("train_images"),  # records of before there was a choice lack it
    )
    wanted = {"classes": list(line["spec"]["classes"]), **line["split"]}
    found = {"classes": list(dataset.spec.classes), **split_line(dataset)}
    if other := next((name for name in found if found[name] != wanted.get(name, found[name])), None):
        said = f"{other} {_short(wanted[other])} in its record, {_short(found[other])} here"
        raise InputError(f"{dataset.spec.title}: expected the images that the run was trained on, found others: {said}")
    return normalized(dataset, line["spec"]["mean"], line["spec"]["std"])


def split_line(dataset: Dataset) -> Record:
    """Which images are in which split, as records keep it."""
    splits = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    labels = hashlib.sha256(b"".join(split.labels.astype("<i8").tobytes() for split in splits.values()))
    sizes = {name: len(split) for name, split in splits.items()}
    return {**sizes, "hash": dataset.split_hash, "labels": labels.hexdigest()[:16]}


def _short(value: object) -> str:
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}..."


def normalized(dataset: Dataset, mean: Sequence[float], std: Sequence[float]) -> Dataset:
    """`dataset` with other numbers to normalise its images by; a run's record keeps them in its `spec`."""
    return replace(dataset, spec=replace(dataset.spec, mean=tuple(mean), std=tuple(std)))

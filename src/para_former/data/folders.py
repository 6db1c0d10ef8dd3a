"""Any folder of pictures as a data set: ``PATH/train/<class>/*`` and ``PATH/test/<class>/*``, or ``PATH/<class>/*``.

In the second form every class gives a fifth of its pictures to test, the same ones every time. This file lists files;
``pictures.py`` decodes them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

from para_former.data.pictures import Images, Labels, Picture, read_pictures
from para_former.data.specs import IMAGENET_MEAN, IMAGENET_STD, DatasetSpec
from para_former.errors import InputError, MissingData

PREFIX = "folder:"
EXTENSIONS = (*IMG_EXTENSIONS, ".gif", ".jp2", ".avif")
SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}  # what is no name of a class
TEST_SHARE = 0.2
SPLIT_SEED = 0
Files = list[tuple[str, int]]


@dataclass(frozen=True)
class PictureFolder:
    """The files of each split, each with its label: the place of its class in ``classes``."""

    path: Path
    classes: tuple[str, ...]
    train: Files
    test: Files


def folder_spec(name: str, image_size: int) -> DatasetSpec:
    """The spec of ``folder:PATH``: classes are the folders' sorted names, mean and std those of ImageNet."""
    listed = list_folder(name)
    return DatasetSpec(
        name=name,
        title=listed.path.resolve().name,
        classes=listed.classes,
        image_size=image_size,
        channels=3,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        counts={"train": len(listed.train), "test": len(listed.test)},
    )


def list_folder(name: str) -> PictureFolder:
    """What ``folder:PATH`` holds. Every class must have pictures in both splits; ``InputError`` names those without.

    Pictures are files with one of ``EXTENSIONS``, at any depth; hidden ones and hidden folders are passed over.
    """
    path = Path(os.path.expanduser(name.removeprefix(PREFIX)))  # an unknown user's stays as it is
    if not path.is_dir():
        raise MissingData(f"{path}: expected a folder of pictures, found no such folder")
    halves = [half for half in ("train", "test") if (path / half).is_dir()]
    names = _folders(path)
    if len(halves) < 2 <= len(names) and {name.lower() for name in names} <= SPLITS:
        raise InputError(f"{path}: expected train and test, or a folder for each class, found {', '.join(names)}")
    divided = len(halves) == 2
    if len(halves) == 1 and _folders(path / halves[0]):  # else it is a class of that name
        raise InputError(f"{path}: expected train and test, or a folder for each class, found {halves[0]} alone")
    train_folder = path / "train" if divided else path
    classes = _folders(train_folder) if divided else names
    if len(classes) < 2:
        found = ", ".join(classes) or "none"
        raise InputError(f"{train_folder}: expected a folder of pictures for each of 2 or more classes, found {found}")
    train = _pictures(train_folder, classes)
    _check_occurring(train_folder, classes, train)
    if divided:
        if only_test := set(_folders(path / "test")) - set(classes):
            raise InputError(f"{path / 'test'}: expected the classes of train, found one more: {min(only_test)}")
        test = _pictures(path / "test", classes)
        _check_occurring(path / "test", classes, test)
    else:
        train, test = _divide(path, classes, train)
    return PictureFolder(path, classes, train, test)


def read_folder(spec: DatasetSpec, split: str, skipped: list[str] | None) -> tuple[Images, Labels]:
    listed = list_folder(spec.name)
    files = getattr(listed, split)
    pictures = (Picture(os.path.relpath(file, listed.path), Path(file), label) for file, label in files)
    return read_pictures(pictures, len(files), spec, split, listed.path, skipped)


def _folders(path: Path) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")))


def is_picture(file: str | Path) -> bool:
    """Whether a file counts as a picture, by its name alone."""
    return str(file).lower().endswith(EXTENSIONS) and not os.path.basename(file).startswith(".")


def is_picture_below(folder: Path, file: str | Path) -> bool:
    """The same of a file somewhere below ``folder``, where those in hidden folders do not count."""
    return is_picture(file) and not any(part.startswith(".") for part in Path(file).relative_to(folder).parts)


def _pictures(path: Path, classes: Sequence[str]) -> Files:
    """Sorted by class, then by path."""
    labels = {name: label for label, name in enumerate(classes)}
    return make_dataset(path, labels, is_valid_file=partial(is_picture_below, path), allow_empty=True)


def _check_occurring(path: Path, classes: Sequence[str], files: Files) -> None:
    occurring = {label for _, label in files}
    missing = ", ".join(name for label, name in enumerate(classes) if label not in occurring)
    if missing:
        raise InputError(f"{path}: expected pictures ({', '.join(EXTENSIONS)}) of every class, found none of {missing}")


def _divide(path: Path, classes: Sequence[str], files: Files) -> tuple[Files, Files]:
    """(train, test), of each class a fifth, and at least one picture, in test."""
    test: set[int] = set()
    labels = np.array([label for _, label in files])
    for label, name in enumerate(classes):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise InputError(f"{path / name}: expected at least 2 pictures, one of them for test, found {len(rows)}")
        order = np.random.RandomState(SPLIT_SEED).permutation(rows)  # numpy promises never to change RandomState
        test.update(order[: max(1, round(TEST_SHARE * len(rows)))].tolist())
    return [f for row, f in enumerate(files) if row not in test], [f for row, f in enumerate(files) if row in test]

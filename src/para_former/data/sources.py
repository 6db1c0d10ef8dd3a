"""Find the files of a data set and read one official split of it into memory, every image and label checked.

Understood are torchvision's unpacked official files, Hugging Face's parquet files, any folder of pictures, and the
digits that scikit-learn carries. Nothing is kept (``cache.py``), split off for validation or downloaded here.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from para_former.data import folders
from para_former.data.official import read_official
from para_former.data.parquet import read_parquet
from para_former.data.pictures import Images, Labels
from para_former.data.specs import SPECS, DatasetSpec
from para_former.errors import InputError, MissingData


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a data set lies: the files of all splits in ``folder`` (no files: scikit-learn carries it)."""

    layout: Literal["sklearn", "parquet", "torchvision", "folder"]
    folder: Path
    files: tuple[Path, ...]


def get_spec(name: str, image_size: int | None = None) -> DatasetSpec:
    """The spec called ``name``, or that of the folder of pictures ``folder:PATH``; at ``image_size`` or its usual size.

    ``InputError`` lists the known names, or says what is wrong with the folder or the size.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"image size {image_size}: expected at least 1 pixel")
    if name.startswith(folders.PREFIX):
        return folders.folder_spec(name, image_size or 224)
    if name not in SPECS:
        raise InputError(f"unknown data set {name!r}: expected one of {', '.join(SPECS)} or folder:PATH")
    return replace(SPECS[name], image_size=image_size) if image_size else SPECS[name]


def locate(spec: DatasetSpec, data_root: str | Path | None = None) -> Source:
    """The files of ``spec`` in ``data_root``, else in ``$PARA_FORMER_DATA``, else in ``data``.

    Looked for, in this order, in ``<root>/<name>``, in its folders and in ``<root>``: torchvision's unpacked official
    folder, then ``train-*.parquet``. ``MissingData`` where the root or the data set in it is missing. A folder of
    pictures is where its name says.
    """
    if spec.name.startswith(folders.PREFIX):
        listed = folders.list_folder(spec.name)
        files = tuple(Path(file) for file, _ in (*listed.train, *listed.test))
        return Source(layout="folder", folder=listed.path, files=files)
    if not spec.torchvision_class:
        return Source(layout="sklearn", folder=Path(), files=())
    root = root_folder(data_root)
    wanted = f"{spec.name}/train-*.parquet, train-*.parquet or {spec.torchvision_folder}"
    way = f"name another folder by --data-root, or fetch it by para-former download {spec.name}"
    if not root.is_dir():
        raise MissingData(f"{root}: expected a folder that holds {spec.title} ({wanted}), found no such folder; {way}")
    for folder in (root / spec.name, *sorted((root / spec.name).glob("*/")), root):
        official = folder / spec.torchvision_folder
        if official.is_dir():
            return Source(layout="torchvision", folder=folder, files=_unpacked(official))
        if any(folder.glob("train-*.parquet")):
            return Source(layout="parquet", folder=folder, files=tuple(sorted(folder.glob("*.parquet"))))
    found = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
    raise MissingData(f"{root}: expected {spec.title} in it ({wanted}), found {found}; {way}")


def root_folder(data_root: str | Path | None) -> Path:
    """Where data sets lie, unless ``data_root`` says otherwise."""
    return Path(data_root or os.environ.get("PARA_FORMER_DATA") or "data")


def read_split(
    spec: DatasetSpec,
    split: Literal["train", "test"],
    data_root: str | Path | None = None,
    *,
    skipped: list[str] | None = None,
) -> tuple[Images, Labels]:
    """One official split: images uint8 [N, S, S, C], S = ``spec.stored_size``, and labels int64 [N], as the files are.

    ``InputError`` where a file is cut off, rows are missing, a picture cannot be decoded or has another size than all
    others, or the labels are not exactly those of the data set's classes. With a list ``skipped``, pictures that cannot
    be read are left out instead and their names added to it. Progress is shown on stderr where that is a terminal.
    """
    source = locate(spec, data_root)
    earlier = len(skipped or ())
    match source.layout:
        case "sklearn":
            images, labels = _read_digits(split)
        case "parquet":
            images, labels = read_parquet(spec, split, source.folder, source.files, skipped)
        case "torchvision":
            images, labels = read_official(spec, split, source.folder, skipped)
        case "folder":
            images, labels = folders.read_folder(spec, split, skipped)
    where = f"{source.folder}: {spec.title} {split}"
    count = spec.counts[split] - (len(skipped or ()) - earlier)
    expected = (count, spec.stored_size, spec.stored_size, spec.channels)
    if images.shape != expected:
        raise InputError(f"{where}: expected images of shape {expected}, found {images.shape}")
    # Every class must occur: fewer classes in the right columns are another data set, not a variant of this one.
    occurring = set(labels.tolist())
    if occurring != set(range(spec.num_classes)):
        missing = [name for label, name in enumerate(spec.classes) if label not in occurring]
        found = f"{len(occurring)} different labels" + (f", {min(occurring)}..{max(occurring)}" if occurring else "")
        found += f", none of {', '.join(missing[:5])}" if missing else ""
        raise InputError(f"{where}: expected the labels 0..{spec.num_classes - 1}, each at least once, found {found}")
    return images, labels


def _read_digits(split: str) -> tuple[Images, Labels]:
    """scikit-learn's digits, 0..16 stretched to 0..255; the stratified 80/20 split with seed 0 is ours."""
    from sklearn.datasets import load_digits  # here, since only the digits should pay for this slow import
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    rows = {"train": train, "test": test}[split]
    return images[rows], labels[rows]


def _unpacked(official: Path) -> tuple[Path, ...]:
    """The files that count: an archive beside them may come and go."""
    files = (path for path in sorted(official.rglob("*")) if path.suffix not in (".gz", ".tgz"))
    return tuple(path for path in files if path.is_file())

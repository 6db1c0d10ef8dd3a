"""The official files of the data sets, read and downloaded by torchvision's own classes.

This file knows how those classes are called and what they check. Pictures are decoded in ``pictures.py``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torchvision.datasets
from torchvision.datasets.utils import check_integrity

from para_former.data.pictures import Images, Labels, Picture, read_pictures
from para_former.data.specs import DatasetSpec, check_classes
from para_former.errors import InputError


class LabelledSTL10(torchvision.datasets.STL10):
    """STL-10 for whose 2.8 GB of unlabelled images torchvision does not look."""

    train_list = torchvision.datasets.STL10.train_list[:2]


def open_official(
    spec: DatasetSpec, split: str, folder: Path, download: bool = False
) -> torchvision.datasets.VisionDataset:
    """torchvision's data set in ``folder``, downloaded first where ``download`` is set; its errors pass through."""
    if spec.torchvision_class in ("CIFAR10", "CIFAR100"):
        return _loader(spec)(folder, train=split == "train", download=download)
    if spec.torchvision_class == "OxfordIIITPet" and split == "train":
        split = "trainval"
    return _loader(spec)(folder, split=split, download=download)


def read_official(spec: DatasetSpec, split: str, folder: Path, skipped: list[str] | None) -> tuple[Images, Labels]:
    """One split; ``InputError`` names the file that is missing, cut off or of another version."""
    where = folder / spec.torchvision_folder
    try:
        official = open_official(spec, split, folder)
    except RuntimeError as error:  # torchvision says that a checksum differs, not of which file
        paths = ((where / name, md5) for name, md5 in _checked_files(spec))
        bad = next((path for path, md5 in paths if not (path.is_dir() or check_integrity(path, md5))), where)
        found = "a file with another checksum" if bad.exists() else "no such file"
        raise InputError(f"{bad}: expected the official file of {spec.title}, found {found}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: expected the official files of {spec.title}, found: {error}") from error
    check_classes(spec, getattr(official, "classes", spec.classes), where)
    match spec.torchvision_class:
        case "CIFAR10" | "CIFAR100":
            return np.ascontiguousarray(official.data), np.asarray(official.targets, dtype=np.int64)
        case "STL10":
            return np.ascontiguousarray(official.data.transpose(0, 2, 3, 1)), official.labels.astype(np.int64)
    files = official._images if spec.torchvision_class == "OxfordIIITPet" else official._image_files
    if len(files) != spec.counts[split]:
        raise InputError(f"{where}: expected {spec.counts[split]} {split} pictures, found {len(files)}")
    pictures = (
        Picture(str(file.relative_to(folder)), file, label) for file, label in zip(files, official._labels, strict=True)
    )
    return read_pictures(pictures, len(files), spec, split, folder, skipped)


def _loader(spec: DatasetSpec) -> type[torchvision.datasets.VisionDataset]:
    return LabelledSTL10 if spec.torchvision_class == "STL10" else getattr(torchvision.datasets, spec.torchvision_class)


def _checked_files(spec: DatasetSpec) -> list[Sequence[str | None]]:
    """What torchvision insists on in the official folder: names, with checksums or None for a folder."""
    loader = _loader(spec)
    match spec.torchvision_class:
        case "OxfordIIITPet":
            return [("images", None), ("annotations", None)]
        case "Flowers102":
            return [("jpg", None), loader._file_dict["label"], loader._file_dict["setid"]]
        case "STL10":
            return [*loader.train_list, *loader.test_list]
    return [*loader.train_list, *loader.test_list, (loader.meta["filename"], loader.meta["md5"])]

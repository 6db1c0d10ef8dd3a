"""Find the files of a data set and read one official split of it into memory, every image and label checked.

Understood are Hugging Face's parquet files, torchvision's unpacked official files, and the digits that scikit-learn
carries. This file decodes; it keeps nothing (``cache.py``), splits nothing off for validation and downloads nothing.
"""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torchvision.datasets
from jaxtyping import Int64, UInt8
from PIL import Image
from rich.console import Console
from rich.progress import track

from para_former.data.specs import DatasetSpec
from para_former.errors import InputError

Images = UInt8[np.ndarray, "count height width channels"]
Labels = Int64[np.ndarray, " count"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a data set lies: the files of all splits in ``folder`` (no files: scikit-learn carries it)."""

    layout: Literal["sklearn", "parquet", "torchvision"]
    folder: Path
    files: tuple[Path, ...]


def locate(spec: DatasetSpec, data_root: str | Path | None = None) -> Source:
    """The files of ``spec`` in ``data_root``, else in ``$PARA_FORMER_DATA``, else in ``data``.

    Looked for, in this order, in ``<root>/<name>`` and then in ``<root>``: torchvision's unpacked official folder,
    then ``train-*.parquet``. ``InputError`` where the root or the data set in it is missing.
    """
    if not spec.torchvision_class:
        return Source(layout="sklearn", folder=Path(), files=())
    root = Path(data_root or os.environ.get("PARA_FORMER_DATA") or "data")
    wanted = f"{spec.name}/train-*.parquet, train-*.parquet or {spec.torchvision_folder}"
    if not root.is_dir():
        raise InputError(f"{root}: expected a folder that holds {spec.title} ({wanted}), found no such folder")
    for folder in (root / spec.name, root):
        official = folder / spec.torchvision_folder
        if official.is_dir():
            return Source(layout="torchvision", folder=folder, files=tuple(sorted(official.iterdir())))
        if any(folder.glob("train-*.parquet")):
            return Source(layout="parquet", folder=folder, files=tuple(sorted(folder.glob("*.parquet"))))
    found = ", ".join(sorted(path.name for path in root.iterdir())[:5]) or "nothing"
    raise InputError(f"{root}: expected {spec.title} in it ({wanted}), found {found}")


def read_split(
    spec: DatasetSpec, split: Literal["train", "test"], data_root: str | Path | None = None
) -> tuple[Images, Labels]:
    """One official split: images uint8 [N, H, W, C] and labels int64 [N], in the order of the files.

    ``InputError`` where a file is cut off, rows are missing, an image cannot be decoded or has another size, or the
    labels are not exactly those of the data set's classes. Progress is shown on stderr where that is a terminal.
    """
    source = locate(spec, data_root)
    read = {"sklearn": _read_digits, "parquet": _read_parquet, "torchvision": _read_torchvision}[source.layout]
    images, labels = read(spec, split, source)
    where = f"{source.folder}: {spec.title} {split}"
    expected = (spec.counts[split], spec.image_size, spec.image_size, spec.channels)
    if images.shape != expected:
        raise InputError(f"{where}: expected images of shape {expected}, found {images.shape}")
    # Every class must occur: fewer classes in the right columns are another data set, not a variant of this one.
    if not np.array_equal(np.unique(labels), np.arange(spec.num_classes)):
        found = f"{len(np.unique(labels))} different labels, {labels.min()}..{labels.max()}"
        raise InputError(f"{where}: expected the labels 0..{spec.num_classes - 1}, each at least once, found {found}")
    return images, labels


def _read_digits(spec: DatasetSpec, split: str, source: Source) -> tuple[Images, Labels]:
    """scikit-learn's digits, 0..16 stretched to 0..255; the stratified 80/20 split with seed 0 is ours."""
    from sklearn.datasets import load_digits  # here, since only the digits should pay for this slow import
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    rows = {"train": train, "test": test}[split]
    return images[rows], labels[rows]


def _read_torchvision(spec: DatasetSpec, split: str, source: Source) -> tuple[Images, Labels]:
    loader = getattr(torchvision.datasets, spec.torchvision_class)
    try:
        official = loader(source.folder, train=split == "train", download=False)
    except RuntimeError as error:  # torchvision says that a checksum differs, not of which file
        folder = source.folder / spec.torchvision_folder
        files = [*loader.train_list, *loader.test_list, (loader.meta["filename"], loader.meta["md5"])]
        bad = next(
            path for name, md5 in files if not torchvision.datasets.utils.check_integrity(path := folder / name, md5)
        )
        found = "a file with another checksum" if bad.exists() else "no such file"
        raise InputError(f"{bad}: expected the official file of {spec.title}, found {found}") from error
    return np.ascontiguousarray(official.data), np.asarray(official.targets, dtype=np.int64)


def _read_parquet(spec: DatasetSpec, split: str, source: Source) -> tuple[Images, Labels]:
    paths = [path for path in source.files if path.name.startswith(f"{split}-")]
    count, expected = 0, spec.counts[split]
    for path in paths:
        with _reading(path):
            count += pq.read_metadata(path).num_rows
    if count != expected:
        raise InputError(f"{source.folder / split}-*.parquet: expected {expected} rows, found {count}")
    images = np.empty((expected, spec.image_size, spec.image_size, spec.channels), dtype=np.uint8)
    labels = np.empty(expected, dtype=np.int64)
    console = Console(stderr=True)
    rows = track(
        _parquet_rows(spec, paths),
        description=f"decoding {spec.title} {split}",
        total=expected,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    for row, (encoded, label) in enumerate(rows):
        images[row] = _decode(encoded, spec.image_size, f"{source.folder}: {spec.title} {split}, row {row}")
        labels[row] = label
    return images, labels


def _parquet_rows(spec: DatasetSpec, paths: Sequence[Path]) -> Iterator[tuple[bytes | None, int]]:
    """(encoded image, label) of every row; a label that is missing is -1."""
    for path in paths:
        with _reading(path), pq.ParquetFile(path) as file:
            image_column = next((name for name in spec.image_columns if name in file.schema_arrow.names), None)
            if image_column is None or spec.label_column not in file.schema_arrow.names:
                wanted = f"{' or '.join(spec.image_columns)} and {spec.label_column}"
                raise InputError(f"{path}: expected columns {wanted}, found {', '.join(file.schema_arrow.names)}")
            for batch in file.iter_batches(batch_size=1000, columns=[image_column, spec.label_column]):
                images, labels = batch[image_column], batch[spec.label_column]
                if not pa.types.is_integer(labels.type):
                    raise InputError(f"{path}: expected integers in column {spec.label_column}, found {labels.type}")
                encoded = images.field("bytes") if pa.types.is_struct(images.type) else images
                yield from zip(encoded.to_pylist(), labels.fill_null(-1).to_pylist(), strict=True)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what pyarrow and the file system say about ``path`` into one line."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: expected a whole parquet file, found: {str(error).splitlines()[0]}") from error


def _decode(encoded: bytes | None, image_size: int, where: str) -> UInt8[np.ndarray, "height width 3"]:
    """The encoded image as RGB; its size is compared before any pixel is decoded."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            if image.size == (image_size, image_size):
                return np.asarray(image.convert("RGB"))
    except Exception as error:  # on broken bytes Pillow raises whatever its decoder happens to run into
        raise InputError(f"{where}: expected an encoded image, found {type(error).__name__}: {error}") from error
    raise InputError(f"{where}: expected {image_size}x{image_size} pixels, found {image.size[0]}x{image.size[1]}")

"""A data set ready for use: decoded once into memory-mapped uint8 files, with a seeded validation split.

The cache knows nothing about what is inside the sources (``sources.py``) and does no arithmetic on pixels
(``augment.py``). A cache folder appears by one rename when it is whole, so no run ever sees a half-written one;
a run that finds another one at work waits for it.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Int64, UInt8

from para_former.data.sources import Images, Labels, Source, locate, read_split
from para_former.data.specs import DatasetSpec, get_spec
from para_former.errors import InputError

FORMAT = 1  # of the cache folder; another number makes every older cache stale
OFFICIAL_SPLITS = ("train", "test")
Arrays = dict[str, tuple[Images, Labels]]


@dataclass(frozen=True)
class Split:
    """Some rows of an official split: its image k is the official image ``indices[k]``, of class ``labels[k]``."""

    source: UInt8[np.ndarray, "official height width channels"]
    """All images of the official split, memory-mapped."""
    labels: Int64[np.ndarray, " count"]
    indices: Int64[np.ndarray, " count"]
    """Rows of the official split, rising."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def images(self) -> Images:
        """The images of this split, copied into memory; for a few of them read ``source[indices[k]]`` instead."""
        return self.source[self.indices]


@dataclass(frozen=True)
class Dataset:
    """A data set in three splits: train and validation share the official train split, test is the official one."""

    spec: DatasetSpec
    train: Split
    validation: Split
    test: Split
    split_hash: str
    """Names the division of train: first 16 hex digits of sha256 over the validation indices (little-endian int64)."""


def load_dataset(
    name: str,
    data_root: str | Path | None = None,
    cache_dir: str | Path | None = None,
    validation_fraction: float = 0.05,
    split_seed: int = 0,
) -> Dataset:
    """The data set ``name``, from the cache or decoded into it.

    ``data_root`` is where the files lie (see ``locate``); the cache lies below ``cache_dir``, else
    ``$PARA_FORMER_CACHE``, else ``~/.cache/para_former``, and is rebuilt when it is damaged or the files changed.
    The validation rows are the first round(validation_fraction * N) of a permutation of the N train rows seeded by
    ``split_seed``. ``InputError``: unknown name, missing or broken files, a fraction that leaves train or validation
    empty, a cache folder that cannot be written.
    """
    spec = get_spec(name)
    validation, train = _divide(spec.counts["train"], validation_fraction, split_seed)
    arrays = _cached(spec, data_root, cache_dir)

    def split(official: str, indices: Int64[np.ndarray, " count"]) -> Split:
        images, labels = arrays[official]
        return Split(images, labels[indices], indices)

    return Dataset(
        spec=spec,
        train=split("train", train),
        validation=split("train", validation),
        test=split("test", np.arange(spec.counts["test"])),
        split_hash=hashlib.sha256(validation.astype("<i8").tobytes()).hexdigest()[:16],
    )


def _divide(total: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted (validation, train) rows of ``total``."""
    count = round(fraction * total) if 0 < fraction < 1 else 0
    if not 0 < count < total:
        raise InputError(f"validation fraction {fraction}: expected between 0 and 1, at least 1 of {total} images each")
    order = np.random.RandomState(seed).permutation(total)  # RandomState, since numpy promises never to change it
    return np.sort(order[:count]), np.sort(order[count:])


def _cached(spec: DatasetSpec, data_root: str | Path | None, cache_dir: str | Path | None) -> Arrays:
    """The official splits, memory-mapped; decoded first where there is no valid cache of these very files."""
    cache = Path(cache_dir or os.environ.get("PARA_FORMER_CACHE") or Path.home() / ".cache" / "para_former")
    folder = cache / f"{spec.name}-{_fingerprint(locate(spec, data_root))}"
    if arrays := _open(folder, spec):
        return arrays
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{folder.name}.lock"):
            if not _open(folder, spec):  # else another run built it while this one waited
                _build(folder, spec, data_root)
    except OSError as error:
        raise InputError(f"{cache}: expected a folder to keep decoded images in, found: {error}") from error
    return _open(folder, spec)


def _build(folder: Path, spec: DatasetSpec, data_root: str | Path | None) -> None:
    """Decode into a hidden folder beside ``folder`` and rename it; the caller holds the lock."""
    scratch = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(scratch, ignore_errors=True)  # left by a killed run
    scratch.mkdir()
    try:
        for split in OFFICIAL_SPLITS:
            images, labels = read_split(spec, split, data_root)
            _save(scratch / f"{split}_images.npy", images)
            _save(scratch / f"{split}_labels.npy", labels)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the pixels do


def _open(folder: Path, spec: DatasetSpec) -> Arrays | None:
    """The arrays in ``folder``, or None where one is missing, cut off, or of another shape or type than the spec's."""
    arrays = {}
    for split in OFFICIAL_SPLITS:
        try:
            images = np.load(folder / f"{split}_images.npy", mmap_mode="r")
            labels = np.load(folder / f"{split}_labels.npy")
        except (OSError, ValueError, EOFError):
            return None
        shape = (spec.counts[split], spec.image_size, spec.image_size, spec.channels)
        if (images.dtype, images.shape, labels.dtype, labels.shape) != (np.uint8, shape, np.int64, shape[:1]):
            return None
        arrays[split] = images, labels
    return arrays


def _fingerprint(source: Source) -> str:
    """16 hex digits that change when a file of the source does: its name, size or time of change."""
    files = [(path.name, stat.st_size, stat.st_mtime_ns) for path in source.files for stat in [path.stat()]]
    return hashlib.sha256(json.dumps([FORMAT, source.layout, files]).encode()).hexdigest()[:16]

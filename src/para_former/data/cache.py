"""A data set ready for use: decoded once into memory-mapped uint8 files, with a seeded validation split.

The cache knows nothing about what is inside the sources (``sources.py``) and does no arithmetic on pixels
(``augment.py``). A cache folder appears by one rename when it is whole, so no run ever sees a half-written one;
a run that finds another one at work waits for it.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from jaxtyping import Int64, UInt8

from para_former.data.pictures import Images, Labels
from para_former.data.sources import Source, get_spec, locate, read_split
from para_former.data.specs import DatasetSpec
from para_former.data.subset import balanced_rows
from para_former.errors import InputError

FORMAT = 2  # of the cache folder; another number makes every older cache stale
OFFICIAL_SPLITS = ("train", "test")
Files = list[tuple[str, int, int]]  # name below the source's folder, bytes, time of change in ns


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
class Decoded:
    """An official split as the cache holds it."""

    images: Images
    labels: Labels
    skipped: tuple[str, ...]
    """Names of the pictures that could not be read and were left out."""


@dataclass(frozen=True)
class Dataset:
    """A data set in three splits: train and validation share the official train split, test is the official one."""

    spec: DatasetSpec
    """With the counts of what was read."""
    train: Split
    validation: Split
    test: Split
    split_hash: str
    """Names the division of train: first 16 hex digits of sha256 over the validation indices (little-endian int64),
    behind them those of train where these are not all the others, and of a folder the names and sizes of its files."""
    skipped: tuple[str, ...] = ()
    """Names of the pictures that could not be read and were left out, those of train first."""


def load_dataset(
    name: str,
    data_root: str | Path | None = None,
    cache_dir: str | Path | None = None,
    validation_fraction: float = 0.05,
    split_seed: int = 0,
    *,
    image_size: int | None = None,
    skip_corrupt: bool = False,
    train_images: int | None = None,
) -> Dataset:
    """The data set ``name``, or the folder of pictures ``folder:PATH``, from the cache or decoded into it.

    ``data_root`` is where the files lie (see ``locate``); the cache lies below ``cache_dir``, else
    ``$PARA_FORMER_CACHE``, else ``~/.cache/para_former``, and is rebuilt when it is damaged or the files changed.
    The validation rows are the first round(validation_fraction * N) of a permutation of the N train rows seeded by
    ``split_seed``, which passes over the last image of each class, so that train has every class. ``image_size`` is
    what the network sees, the data set's usual size when left out: pictures of varying size are cached at that size,
    all others as they are, since batches are scaled on their device. With ``skip_corrupt`` pictures that cannot be read
    are left out and named in ``skipped``. ``train_images`` keeps so many images of train, chosen from what validation
    has left (``subset.py``); validation and test stay as they are.
    ``InputError``: unknown name, missing or broken files, a fraction that leaves train or validation empty, more images
    than train has, a cache folder that cannot be written.
    """
    spec = get_spec(name, image_size)
    source = locate(spec, data_root)
    files = _files(source)
    place = f"folder {source.folder.resolve()}" if source.layout == "folder" else source.layout
    fingerprint = _fingerprint(place, files, spec.stored_size, skip_corrupt)
    decoded = _cached(spec, fingerprint, data_root, cache_dir, skip_corrupt)
    train, test = (decoded[split] for split in OFFICIAL_SPLITS)
    validation_rows, train_rows = _divide(train.labels, validation_fraction, split_seed)
    division = validation_rows
    if train_images is not None:
        train_rows = train_rows[balanced_rows(train.labels[train_rows], train_images)]
        division = np.concatenate([validation_rows, train_rows])

    def split(official: Decoded, indices: Int64[np.ndarray, " count"]) -> Split:
        return Split(official.images, official.labels[indices], indices)

    return Dataset(
        spec=replace(spec, counts={split: len(decoded[split].labels) for split in OFFICIAL_SPLITS}),
        train=split(train, train_rows),
        validation=split(train, validation_rows),
        test=split(test, np.arange(len(test.labels))),
        split_hash=_split_hash(division, files if source.layout == "folder" else []),
        skipped=train.skipped + test.skipped,
    )


def _split_hash(division: np.ndarray, files: Files) -> str:
    """With the files of a folder: rows are numbered by their names, so another name moves pictures between splits."""
    digest = hashlib.sha256(division.astype("<i8").tobytes())
    if files:
        digest.update(json.dumps([(name, size) for name, size, _ in files]).encode())
    return digest.hexdigest()[:16]


def _divide(labels: Labels, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted (validation, train) rows: the first of a permutation, but for the last image of each class in it."""
    total = len(labels)
    count = max(1, round(fraction * total)) if 0 < fraction < 1 else 0
    order = np.random.RandomState(seed).permutation(total)  # RandomState, since numpy promises never to change it
    last = total - 1 - np.unique(labels[order][::-1], return_index=True)[1]
    if not 0 < count <= total - len(last):
        rest = f"at least 1 of {total} images for it, and 1 of each of {len(last)} classes to train on"
        raise InputError(f"validation fraction {fraction}: expected between 0 and 1, {rest}")
    validation = np.sort(np.delete(order, last)[:count])
    return validation, np.setdiff1d(order, validation)


def _cached(
    spec: DatasetSpec,
    fingerprint: str,
    data_root: str | Path | None,
    cache_dir: str | Path | None,
    skip_corrupt: bool,
) -> dict[str, Decoded]:
    """The official splits, memory-mapped; decoded first where there is no valid cache of these very files."""
    cache = Path(cache_dir or os.environ.get("PARA_FORMER_CACHE") or Path.home() / ".cache" / "para_former")
    folder = cache / f"{Path(spec.name).name.replace(':', '-')}-{fingerprint}"
    if decoded := _open(folder, spec):
        return decoded
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{folder.name}.lock"):
            if not _open(folder, spec):  # else another run built it while this one waited
                _build(folder, spec, data_root, skip_corrupt)
    except OSError as error:
        raise InputError(f"{cache}: expected a folder to keep decoded images in, found: {error}") from error
    return _open(folder, spec)


def _build(folder: Path, spec: DatasetSpec, data_root: str | Path | None, skip_corrupt: bool) -> None:
    """Decode into a hidden folder beside ``folder`` and rename it; the caller holds the lock."""
    scratch = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(scratch, ignore_errors=True)  # left by a killed run
    scratch.mkdir()
    try:
        for split in OFFICIAL_SPLITS:
            skipped: list[str] = []
            images, labels = read_split(spec, split, data_root, skipped=skipped if skip_corrupt else None)
            for name, array in (("images", images), ("labels", labels), ("skipped", np.array(skipped, dtype=str))):
                _save(scratch / f"{split}_{name}.npy", array)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the pixels do


def _open(folder: Path, spec: DatasetSpec) -> dict[str, Decoded] | None:
    """The splits in ``folder``, or None where a file is missing, cut off, or of a wrong shape or type."""
    decoded = {}
    for split in OFFICIAL_SPLITS:
        try:
            images = np.load(folder / f"{split}_images.npy", mmap_mode="r")
            labels = np.load(folder / f"{split}_labels.npy")
            skipped = np.load(folder / f"{split}_skipped.npy")
        except Exception:  # on a broken header numpy raises whatever its parser happens to run into
            return None
        shape = (spec.counts[split] - skipped.size, spec.stored_size, spec.stored_size, spec.channels)
        if (images.dtype, images.shape, labels.dtype, labels.shape) != (np.uint8, shape, np.int64, shape[:1]):
            return None
        decoded[split] = Decoded(images, labels, tuple(skipped.tolist()))
    return decoded


def _fingerprint(place: str, files: Files, stored_size: int, skip_corrupt: bool) -> str:
    """16 hex digits that change when a file of the source does (its name, size or time of change), or a setting.

    Official files are the same wherever they lie; folders of pictures with equal names, sizes and times need not be.
    """
    key = [FORMAT, place, files, stored_size, skip_corrupt]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def _files(source: Source) -> Files:
    """Of a link that leads nowhere the bytes and the time of the link."""
    files = []
    for path in source.files:
        try:
            stat = path.stat()
        except OSError:
            stat = path.lstat()
        files.append((str(path.relative_to(source.folder)), stat.st_size, stat.st_mtime_ns))
    return files

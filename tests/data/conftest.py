"""Small data sets in the official layouts, made on the spot, and a cache that is never the user's own."""

import hashlib
import io
import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torchvision.datasets
from PIL import Image

from para_former.data.specs import SPECS

COUNTS = {"train": 220, "test": 110}  # enough for each of the 100 classes of CIFAR-100


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    """No test sees the user's data or writes into the user's cache."""
    monkeypatch.setenv("PARA_FORMER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PARA_FORMER_DATA", raising=False)


@pytest.fixture
def tiny(request, monkeypatch):
    """CIFAR-10 (or what a test's indirect parameter names) with few images, also for whoever looks it up by name."""
    spec = replace(SPECS[getattr(request, "param", "cifar10")], counts=COUNTS)
    monkeypatch.setitem(SPECS, spec.name, spec)
    return spec


@pytest.fixture
def arrays(tiny):
    """(images, labels) of each split of ``tiny``; every class occurs, in no particular order."""
    rng = np.random.default_rng(0)
    return {
        split: (
            rng.integers(0, 256, (count, tiny.image_size, tiny.image_size, 3), dtype=np.uint8),
            rng.permutation(np.arange(count) % tiny.num_classes),
        )
        for split, count in COUNTS.items()
    }


@pytest.fixture
def write_parquet(tiny):
    """Write encoded images and labels as the Hugging Face hub does."""

    def write(path, encoded, labels, image_column="img", label_column=tiny.label_column, struct=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        column = [{"bytes": image, "path": None} for image in encoded] if struct else encoded
        pq.write_table(pa.table({image_column: column, label_column: labels}), path, row_group_size=50)

    return write


@pytest.fixture
def parquet_root(tmp_path, tiny, arrays, write_parquet):
    """A data root that holds ``tiny`` as parquet, train in two files."""
    root = tmp_path / "hub"
    for split, (images, labels) in arrays.items():
        parts = np.array_split(np.arange(len(labels)), 2 if split == "train" else 1)
        for number, rows in enumerate(parts):
            path = root / tiny.name / f"{split}-{number:05}-of-{len(parts):05}.parquet"
            write_parquet(path, [encode(image) for image in images[rows]], labels[rows])
    return root


@pytest.fixture
def official_root(tmp_path, tiny, arrays, monkeypatch):
    """A data root that holds ``tiny`` as torchvision's unpacked official files."""
    root = tmp_path / "official"
    loader = getattr(torchvision.datasets, tiny.torchvision_class)
    key, classes = ("labels", "label_names") if tiny.name == "cifar10" else ("fine_labels", "fine_label_names")
    (root / loader.base_folder).mkdir(parents=True)

    def write(name, content):
        payload = pickle.dumps(content)
        (root / loader.base_folder / name).write_bytes(payload)
        return hashlib.md5(payload).hexdigest()

    def write_split(files, split):
        parts = np.array_split(np.arange(COUNTS[split]), len(files))
        images, labels = arrays[split]
        for (name, _), rows in zip(files, parts, strict=True):
            planes = images[rows].transpose(0, 3, 1, 2).reshape(len(rows), -1)
            yield [name, write(name, {"data": planes, key: labels[rows].tolist()})]

    # torchvision accepts the official checksums alone, so small files need its table to name theirs
    monkeypatch.setattr(loader, "train_list", list(write_split(loader.train_list, "train")))
    monkeypatch.setattr(loader, "test_list", list(write_split(loader.test_list, "test")))
    md5 = write(loader.meta["filename"], {classes: list(tiny.classes)})
    monkeypatch.setattr(loader, "meta", loader.meta | {"md5": md5})
    return root


@pytest.fixture(name="encode")
def encode_fixture():
    return encode


def encode(image, format="png"):
    """One image as lossless bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format, lossless=True)
    return buffer.getvalue()

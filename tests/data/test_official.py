"""STL-10, Pets and Flowers-102 as torchvision's official files: pixels, labels, and what a broken file is told."""

import hashlib
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image
from scipy.io import savemat

from para_former.data import SPECS, load_dataset, locate, read_picture, read_split
from para_former.data.official import LabelledSTL10
from para_former.errors import InputError

COUNTS = {"train": 222, "test": 111}  # two and one for each class of Pets, and enough for the others
SIZES = [(40, 30), (30, 40), (25, 25)]  # of the pictures of Pets and Flowers


def labels_of(spec, split):
    return np.random.default_rng(len(split)).permutation(np.arange(COUNTS[split]) % spec.num_classes)


def jpeg(number):
    """A picture of one colour of its own."""
    buffer = io.BytesIO()
    color = tuple(int(c) for c in np.random.default_rng(number).integers(0, 256, 3))
    Image.new("RGB", SIZES[number % 3], color).save(buffer, "jpeg", quality=95)
    return buffer.getvalue(), color


def small(name, monkeypatch, **fields):
    """The spec with few images, also for whoever looks it up by name."""
    spec = replace(SPECS[name], counts=COUNTS, **fields)
    monkeypatch.setitem(SPECS, name, spec)
    return spec


@pytest.fixture
def stl10(tmp_path, monkeypatch):
    spec = small("stl10", monkeypatch)
    folder = tmp_path / "root" / "stl10_binary"
    folder.mkdir(parents=True)
    images = {}
    for split, files in (("train", "train_list"), ("test", "test_list")):
        images[split] = np.random.default_rng(0).integers(0, 256, (COUNTS[split], 96, 96, 3), dtype=np.uint8)
        contents = [
            images[split].transpose(0, 3, 2, 1).tobytes(),  # planes, column after column
            (labels_of(spec, split) + 1).astype(np.uint8).tobytes(),
        ]
        entries = []
        for content, (name, _) in zip(contents, getattr(LabelledSTL10, files), strict=True):
            (folder / name).write_bytes(content)
            entries.append([name, hashlib.md5(content).hexdigest()])
        # torchvision accepts the official checksums alone, so small files need its table to name theirs
        monkeypatch.setattr(LabelledSTL10, files, entries)
    (folder / "class_names.txt").write_text("\n".join(spec.classes))
    return spec, folder, images


@pytest.fixture
def pets(tmp_path, monkeypatch):
    spec = small("pets", monkeypatch, image_size=16)
    folder = tmp_path / "root" / "oxford-iiit-pet"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    colors = {"train": [], "test": []}
    for split, listed in (("train", "trainval"), ("test", "test")):
        lines = []
        for number, label in enumerate(labels_of(spec, split)):
            name = f"{spec.classes[label].replace(' ', '_')}_{split}{number}"
            content, color = jpeg(number + 1000 * len(split))
            (folder / "images" / f"{name}.jpg").write_bytes(content)
            colors[split].append(color)
            lines.append(f"{name} {label + 1} 1 1")
        (folder / "annotations" / f"{listed}.txt").write_text("\n".join(lines) + "\n")
    return spec, folder, colors


@pytest.fixture
def flowers102(tmp_path, monkeypatch):
    spec = small("flowers102", monkeypatch, image_size=16)
    folder = tmp_path / "root" / "flowers-102"
    (folder / "jpg").mkdir(parents=True)
    total = sum(COUNTS.values()) + 10  # ten of the official validation split, which nobody reads
    ids = np.random.default_rng(1).permutation(np.arange(1, total + 1))
    rows = dict(zip(("train", "test", "validation"), np.split(ids, np.cumsum(list(COUNTS.values()))), strict=True))
    labels = np.ones(total, np.uint8)
    colors = {split: [jpeg(number)[1] for number in rows[split]] for split in COUNTS}
    for split in COUNTS:
        labels[rows[split] - 1] = labels_of(spec, split) + 1
    for number in ids:
        (folder / "jpg" / f"image_{number:05}.jpg").write_bytes(jpeg(number)[0])
    savemat(folder / "imagelabels.mat", {"labels": labels})
    savemat(folder / "setid.mat", {"trnid": rows["train"], "valid": rows["validation"], "tstid": rows["test"]})
    loader = torchvision.datasets.Flowers102
    files = dict(loader._file_dict)
    for key in ("label", "setid"):  # as for STL-10
        name = files[key][0]
        files[key] = (name, hashlib.md5((folder / name).read_bytes()).hexdigest())
    monkeypatch.setattr(loader, "_file_dict", files)
    return spec, folder, colors


def refused(spec, folder, *words, split="train"):
    with pytest.raises(InputError) as caught:
        read_split(spec, split, folder.parent)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert str(word) in message, message


def test_stl10(stl10):
    spec, folder, images = stl10
    for split in COUNTS:
        read_images, read_labels = read_split(spec, split, folder.parent)
        np.testing.assert_array_equal(read_images, images[split])
        np.testing.assert_array_equal(read_labels, labels_of(spec, split))


@pytest.mark.parametrize("name", ["pets", "flowers102"])
def test_pictures_of_varying_size(name, request):
    spec, folder, colors = request.getfixturevalue(name)
    assert locate(spec, folder.parent).layout == "torchvision"
    for split in COUNTS:
        images, labels = read_split(spec, split, folder.parent)
        np.testing.assert_array_equal(labels, labels_of(spec, split))
        assert images.shape == (COUNTS[split], 16, 16, 3)
        off = np.abs(images.astype(int) - np.array(colors[split])[:, None, None])
        assert off.max() <= 3  # what JPEG does to a plain colour


def test_a_single_picture_is_read_as_the_data_set_is(pets):
    spec, folder, _ = pets
    images, _ = read_split(spec, "train", folder.parent)
    first = (folder / "annotations" / "trainval.txt").read_text().split()[0]
    np.testing.assert_array_equal(read_picture(folder / "images" / f"{first}.jpg", spec), images[0])


def test_another_image_size_is_another_cache(pets, tmp_path):
    spec, folder, _ = pets
    for size in (16, 24):
        data = load_dataset("pets", folder.parent, image_size=size)
        assert data.spec.image_size == size and data.train.source.shape[1:] == (size, size, 3)
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 2


def test_sets_of_one_size_share_their_cache_at_all_image_sizes(stl10, tmp_path):
    _, folder, images = stl10
    for size in (96, 224):
        data = load_dataset("stl10", folder.parent, image_size=size)
        assert data.spec.image_size == size
        np.testing.assert_array_equal(data.test.source, images["test"])
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("name", ["train_X.bin", "test_y.bin"])
def test_stl10_broken_file_is_named(stl10, name):
    spec, folder, _ = stl10
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    refused(spec, folder, folder / name, "another checksum")
    (folder / name).unlink()
    refused(spec, folder, folder / name, "no such file")


def test_stl10_of_other_classes(stl10):
    spec, folder, _ = stl10
    (folder / "class_names.txt").write_text("\n".join(reversed(spec.classes)))
    refused(spec, folder, folder, "expected label 0 to mean airplane, found truck")


def test_unlabelled_images_are_no_labels(stl10, monkeypatch):
    spec, folder, _ = stl10
    labels = b"\0" + (folder / "test_y.bin").read_bytes()[1:]
    (folder / "test_y.bin").write_bytes(labels)
    monkeypatch.setattr(LabelledSTL10, "test_list", [LabelledSTL10.test_list[0], ["test_y.bin", None]])
    refused(spec, folder, "expected the labels 0..9", "11 different labels", split="test")


@pytest.mark.parametrize("name", ["images", "annotations"])
def test_pets_missing_folder(pets, name):
    spec, folder, _ = pets
    shutil.rmtree(folder / name)
    refused(spec, folder, folder / name, "no such file")


def test_pets_missing_list(pets):
    spec, folder, _ = pets
    (folder / "annotations" / "test.txt").unlink()
    refused(spec, folder, folder / "annotations" / "test.txt", "No such file", split="test")


def test_pets_list_cut_off(pets):
    spec, folder, _ = pets
    path = folder / "annotations" / "trainval.txt"
    path.write_text(path.read_text()[:-6])
    refused(spec, folder, folder, "expected the official files", "not enough values")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    refused(spec, folder, folder, "expected 222 train pictures, found 221")


def test_pets_of_another_version(pets):
    spec, folder, _ = pets
    path = folder / "annotations" / "trainval.txt"
    path.write_text(path.read_text().replace("Bengal", "Tiger"))
    refused(spec, folder, "expected label 5 to mean Bengal, found Tiger")


def test_flowers_missing_folder_and_broken_tables(flowers102):
    spec, folder, _ = flowers102
    for name in ("imagelabels.mat", "setid.mat"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1])
        refused(spec, folder, folder / name, "another checksum")
        (folder / name).unlink()
        refused(spec, folder, folder / name, "no such file")
        (folder / name).write_bytes(content)
    shutil.rmtree(folder / "jpg")
    refused(spec, folder, folder / "jpg", "no such file")


@pytest.mark.parametrize("name", ["pets", "flowers102"])
def test_broken_pictures_are_named_and_counted_or_left_out(name, request):
    spec, folder, _ = request.getfixturevalue(name)
    pictures = {"pets": "images", "flowers102": "jpg"}[name]
    official = read_split(spec, "train", folder.parent)
    paths = sorted((folder / pictures).iterdir())
    read = [path for path in paths if name == "pets" and "_train" in path.name] or paths
    removed, cut = read[3], read[200]
    removed.unlink()
    cut.write_bytes(cut.read_bytes()[:300])
    skipped = []
    images, labels = read_split(spec, "train", folder.parent, skipped=skipped)
    assert len(images) == len(labels) == COUNTS["train"] - len(skipped) < COUNTS["train"]
    assert set(skipped) <= {str(path.relative_to(folder.parent)) for path in (removed, cut)}
    kept = iter(zip(images, labels, strict=True))
    assert sum((image == read_image).all() for read_image, _ in kept for image in official[0]) >= len(images)
    refused(spec, folder, f"{len(skipped)} of 222 pictures cannot be read", *skipped)


def test_an_archive_beside_the_files_does_not_count(flowers102):
    spec, folder, _ = flowers102
    before = locate(spec, folder.parent)
    (folder / "102flowers.tgz").write_bytes(b"archive")
    assert locate(spec, folder.parent) == before

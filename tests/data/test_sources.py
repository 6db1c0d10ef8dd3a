"""Every layout gives the pixels and labels that were written, and every broken file gives one clear line."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from para_former.data import get_spec, locate, read_split
from para_former.errors import InputError

BOTH = pytest.mark.parametrize("tiny", ["cifar10", "cifar100"], indirect=True)


def refused(*words, spec, root, split="train"):
    """The one line with which ``read_split`` refuses, checked to hold every word."""
    with pytest.raises(InputError) as caught:
        read_split(spec, split, root)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert str(word) in message, message


def assert_read(spec, root, arrays):
    for split, (images, labels) in arrays.items():
        read_images, read_labels = read_split(spec, split, root)
        np.testing.assert_array_equal(read_images, images)
        np.testing.assert_array_equal(read_labels, labels)


def test_digits_are_sklearns_in_a_stratified_split():
    digits = load_digits()
    original = {(image.astype(int).tobytes(), label) for image, label in zip(digits.images, digits.target, strict=True)}
    read = set()
    for split in ("train", "test"):
        images, labels = read_split(get_spec("digits"), split)
        assert images.min() == 0 and images.max() == 255
        values = np.rint(images[..., 0] / 255 * 16).astype(int)  # back to 0..16, so nothing was lost
        read |= {(value.tobytes(), label) for value, label in zip(values, labels, strict=True)}
        assert np.ptp(np.bincount(labels) / len(labels)) < 0.01
    assert read == original


@BOTH
def test_parquet(tiny, arrays, parquet_root):
    assert locate(tiny, parquet_root).layout == "parquet"
    assert_read(tiny, parquet_root, arrays)
    assert_read(tiny, parquet_root / tiny.name, arrays)  # the folder itself as the root


def test_parquet_with_the_hubs_other_names(tmp_path, tiny, arrays, write_parquet, encode):
    for split, (images, labels) in arrays.items():
        path = tmp_path / f"{split}-00000-of-00001.parquet"
        write_parquet(path, [encode(image, "webp") for image in images], labels, image_column="image", struct=False)
    assert_read(tiny, tmp_path, arrays)


@BOTH
def test_official_files(tiny, arrays, official_root, tmp_path):
    assert locate(tiny, official_root).layout == "torchvision"
    assert_read(tiny, official_root, arrays)
    (tmp_path / "root").mkdir()
    assert_read(tiny, official_root.rename(tmp_path / "root" / tiny.name).parent, arrays)


def test_root_comes_from_the_environment_else_from_the_folder_data(tiny, arrays, parquet_root, monkeypatch, tmp_path):
    monkeypatch.setenv("PARA_FORMER_DATA", str(parquet_root))
    assert_read(tiny, None, arrays)
    monkeypatch.delenv("PARA_FORMER_DATA")
    monkeypatch.chdir(tmp_path)
    parquet_root.rename(tmp_path / "data")
    assert_read(tiny, None, arrays)


def test_missing_root(tmp_path, tiny):
    refused(
        tmp_path / "nowhere",
        tiny.title,
        "no such folder",
        f"download {tiny.name}",
        spec=tiny,
        root=tmp_path / "nowhere",
    )


def test_root_without_the_data_set(tmp_path, tiny):
    (tmp_path / "holiday.txt").touch()
    refused(tmp_path, tiny.title, tiny.torchvision_folder, "holiday.txt", spec=tiny, root=tmp_path)


def test_truncated_parquet(tiny, parquet_root):
    path = parquet_root / tiny.name / "train-00001-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "whole parquet file", spec=tiny, root=parquet_root)


def test_parquet_damaged_in_the_middle(tiny, parquet_root):
    path = parquet_root / tiny.name / "train-00000-of-00002.parquet"
    content = bytearray(path.read_bytes())
    content[4:4000] = b"\xff" * 3996  # the first column's pages; the footer stays whole
    path.write_bytes(content)
    refused(path, spec=tiny, root=parquet_root)


def test_missing_rows(tiny, parquet_root):
    (parquet_root / tiny.name / "train-00001-of-00002.parquet").unlink()
    refused(parquet_root / tiny.name, "expected 220 rows, found 110", spec=tiny, root=parquet_root)
    (parquet_root / tiny.name / "test-00000-of-00001.parquet").unlink()
    refused("test", "expected 110 rows, found 0", spec=tiny, root=parquet_root, split="test")


@pytest.fixture
def rewrite(tmp_path, tiny, arrays, write_parquet, encode):
    """Write the test split anew with some rows, labels or columns replaced, and return the root."""

    def rewrite(row=None, image=None, label=None, **columns):
        images, labels = arrays["test"]
        encoded, labels = [encode(image) for image in images], labels.tolist()
        if row is not None:
            encoded[row] = image
        if label is not None:
            labels = label(labels)
        write_parquet(tmp_path / "test-00000-of-00001.parquet", encoded, labels, **columns)
        (tmp_path / "train-00000-of-00001.parquet").touch()
        return tmp_path

    return rewrite


@pytest.mark.parametrize("broken", [b"this is text", b"", None], ids=["text", "empty", "missing"])
def test_undecodable_image_is_named_by_split_and_row(tiny, rewrite, broken):
    root = rewrite(77, broken)
    refused("test: 1 of 110 pictures", "test row 77: expected an image", spec=tiny, root=root, split="test")


def test_image_cut_off(tiny, rewrite, arrays, encode):
    cut = encode(arrays["test"][0][5])[:500]
    refused("test row 5: expected an image", "truncated", spec=tiny, root=rewrite(5, cut), split="test")


def test_image_of_another_size(tiny, rewrite, encode):
    root = rewrite(3, encode(np.zeros((32, 40, 3), np.uint8)))
    refused("test row 3: expected 32x32 pixels, found 40x32", spec=tiny, root=root, split="test")


@pytest.mark.parametrize("label", [-1, 100, None])
def test_label_out_of_range(tiny, rewrite, label):
    root = rewrite(label=lambda labels: [label, *labels[1:]])
    refused(f"expected the labels 0..{tiny.num_classes - 1}", "found", spec=tiny, root=root, split="test")


def test_another_data_set_in_the_right_columns(tiny, rewrite):
    root = rewrite(label=lambda labels: [label % 5 for label in labels])
    refused("each at least once, found 5 different labels, 0..4", spec=tiny, root=root, split="test")


def test_labels_that_are_no_integers(tiny, rewrite):
    root = rewrite(label=lambda labels: [str(label) for label in labels])
    refused("expected integers", tiny.label_column, "found string", spec=tiny, root=root, split="test")


def test_missing_columns(tiny, rewrite):
    root = rewrite(image_column="pixels")
    refused("expected columns img or image", "found pixels", spec=tiny, root=root, split="test")
    root = rewrite(label_column="coarse_label")
    refused(tiny.label_column, "found img, coarse_label", spec=tiny, root=root, split="test")


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_broken_official_file_is_named(tiny, official_root, damage):
    path = max((official_root / tiny.torchvision_folder).iterdir(), key=lambda path: path.stat().st_size)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    refused(path, {"missing": "no such file", "truncated": "another checksum"}[damage], spec=tiny, root=official_root)


def test_missing_class_names_of_the_official_files(tiny, official_root):
    meta = next(path for path in (official_root / tiny.torchvision_folder).iterdir() if "meta" in path.name)
    meta.unlink()
    refused(meta, "no such file", spec=tiny, root=official_root)


def test_official_files_of_another_count(tiny, official_root):
    tiny = replace(tiny, counts={"train": 1000, "test": 110})
    refused("(1000, 32, 32, 3), found (220, 32, 32, 3)", spec=tiny, root=official_root)


def test_progress_is_silent_without_a_terminal(tiny, parquet_root, capfd):
    read_split(tiny, "test", parquet_root)
    assert capfd.readouterr() == ("", "")


def test_progress_goes_to_stderr_on_a_terminal(tiny, parquet_root, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich's way to be told that this is a terminal
    read_split(tiny, "test", parquet_root)
    out, err = capfd.readouterr()
    assert out == "" and re.search(f"decoding {tiny.title} test", re.sub(r"\x1b\[[0-9;]*m", "", err))


def test_folder_of_the_name_wins_over_the_root(tiny, arrays, parquet_root, official_root):
    shutil.copytree(official_root / tiny.torchvision_folder, parquet_root / tiny.torchvision_folder)
    assert locate(tiny, parquet_root).layout == "parquet"


def test_official_files_win_over_parquet_files_beside_them(tiny, parquet_root, official_root):
    shutil.copytree(official_root / tiny.torchvision_folder, parquet_root / tiny.name / tiny.torchvision_folder)
    assert locate(tiny, parquet_root).layout == "torchvision"

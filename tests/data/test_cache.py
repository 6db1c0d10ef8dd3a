"""The cache holds what the sources hold, survives damage, other runs and kills, and divides train as documented."""

import hashlib
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import cache, get_spec, load_dataset, read_split
from para_former.errors import InputError


@pytest.fixture(scope="module")
def digits_cache(tmp_path_factory):
    """A cache of the digits that many loads share."""
    folder = tmp_path_factory.mktemp("digits")
    load_dataset("digits", cache_dir=folder)
    return folder


def no_reading(*arguments, **settings):
    raise AssertionError("the sources were read although the cache is valid")


def summary(data):
    """One line that another pixel, label or division would change."""
    arrays = [array for split in (data.train, data.validation, data.test) for array in (split.images, split.labels)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def visible(folder):
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


@given(fraction=st.floats(0.001, 0.99), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_train_and_validation_divide_the_official_train_split(digits_cache, fraction, seed):
    data = load_dataset("digits", cache_dir=digits_cache, validation_fraction=fraction, split_seed=seed)
    assert len(data.validation) == round(fraction * 1437)
    both = np.concatenate([data.train.indices, data.validation.indices])
    np.testing.assert_array_equal(np.sort(both), np.arange(1437))
    for split in (data.train, data.validation):
        assert (np.diff(split.indices) > 0).all()
    assert data.split_hash == hashlib.sha256(data.validation.indices.astype("<i8").tobytes()).hexdigest()[:16]


def test_the_division_is_the_same_forever(digits_cache):
    data = load_dataset("digits", cache_dir=digits_cache)
    assert (len(data.train), len(data.validation), len(data.test)) == (1365, 72, 360)
    assert data.split_hash == "da077daa7c21ed24"
    assert load_dataset("digits", cache_dir=digits_cache, split_seed=1).split_hash != data.split_hash


def test_splits_hold_the_official_pixels_and_labels(digits_cache):
    data = load_dataset("digits", cache_dir=digits_cache)
    for split, official in ((data.train, "train"), (data.validation, "train"), (data.test, "test")):
        images, labels = read_split(get_spec("digits"), official)
        assert isinstance(split.source, np.memmap) and not split.source.flags.writeable
        np.testing.assert_array_equal(split.images, images[split.indices])
        np.testing.assert_array_equal(split.labels, labels[split.indices])


@pytest.mark.parametrize("fraction", [-0.1, 0.0, 0.9999, 1.0, 2.0, float("nan")])
def test_fraction_that_leaves_nothing_is_refused(digits_cache, fraction):
    with pytest.raises(InputError, match=f"validation fraction {fraction}: expected between 0 and 1"):
        load_dataset("digits", cache_dir=digits_cache, validation_fraction=fraction)


def test_however_small_the_fraction_one_image_validates(digits_cache):
    data = load_dataset("digits", cache_dir=digits_cache, validation_fraction=1e-5)
    assert len(data.validation.labels) == 1


@pytest.mark.parametrize("layout", ["parquet_root", "official_root"])
def test_sources_are_read_once(layout, tiny, arrays, request, tmp_path, monkeypatch):
    root = request.getfixturevalue(layout)
    load_dataset(tiny.name, root)
    monkeypatch.setattr(cache, "read_split", no_reading)
    data = load_dataset(tiny.name, root)
    np.testing.assert_array_equal(data.test.images, arrays["test"][0])
    assert len(visible(tmp_path / "cache")) == 1  # where PARA_FORMER_CACHE points


def test_changed_source_is_read_again(tiny, arrays, parquet_root, write_parquet, encode):
    load_dataset(tiny.name, parquet_root)
    images, labels = arrays["test"]
    path = parquet_root / tiny.name / "test-00000-of-00001.parquet"
    write_parquet(path, [encode(255 - image) for image in images], labels)
    np.testing.assert_array_equal(load_dataset(tiny.name, parquet_root).test.images, 255 - images)


def test_touched_source_is_read_again(tiny, parquet_root, monkeypatch):
    load_dataset(tiny.name, parquet_root)
    os.utime(parquet_root / tiny.name / "test-00000-of-00001.parquet", ns=(0, 0))
    monkeypatch.setattr(cache, "read_split", no_reading)
    with pytest.raises(AssertionError, match="the sources were read"):
        load_dataset(tiny.name, parquet_root)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE = {
    "truncated": ("train_images.npy", truncate),
    "empty": ("test_images.npy", lambda path: path.write_bytes(b"")),
    "garbage": ("train_labels.npy", lambda path: path.write_bytes(b"no array")),
    "a header that numpy cannot parse": (
        "train_images.npy",
        lambda path: path.write_bytes(path.read_bytes().replace(b"8, 1)", b"8, ])", 1)),
    ),
    "missing": ("test_labels.npy", lambda path: path.unlink()),
    "another shape": ("train_images.npy", lambda path: np.save(path, np.zeros((1437, 8, 9, 1), np.uint8))),
    "without the skipped": ("train_skipped.npy", lambda path: path.unlink()),
    "another count": ("test_labels.npy", lambda path: np.save(path, np.zeros(359, np.int64))),
    "another type": ("test_images.npy", lambda path: np.save(path, np.zeros((360, 8, 8, 1), np.float32))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_cache_is_built_again(tmp_path, damage):
    expected = summary(load_dataset("digits"))
    (folder,) = visible(tmp_path / "cache")
    name, destroy = DAMAGE[damage]
    destroy(tmp_path / "cache" / folder / name)
    assert summary(load_dataset("digits")) == expected


def test_refused_source_leaves_nothing_behind(tiny, parquet_root, tmp_path):
    truncate(parquet_root / tiny.name / "test-00000-of-00001.parquet")
    with pytest.raises(InputError, match="test-00000-of-00001.parquet"):
        load_dataset(tiny.name, parquet_root)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_cache_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"^{tmp_path}/file: expected a folder to keep decoded images in, found: "):
        load_dataset("digits", cache_dir=tmp_path / "file")


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["para_former.data"])  # the slow import happens once for all processes


def run(folder, start, killed):
    """One run in a process of its own; it notes every split that it decodes, slowly, and is killed before the last."""
    read = cache.read_split

    def noted(spec, split, root, **settings):
        with open(folder / "decoded", "a") as file:
            file.write(f"{split} ")
        if killed and split == "test":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.3)
        return read(spec, split, root, **settings)

    cache.read_split = noted
    start.wait()
    data = load_dataset("digits", cache_dir=folder / "cache")
    (folder / f"result-{os.getpid()}").write_text(summary(data))


def run_together(folder, count, killed=False):
    """Exit codes of ``count`` runs that start at the same moment."""
    start = PROCESSES.Barrier(count)
    runs = [PROCESSES.Process(target=run, args=(folder, start, killed)) for _ in range(count)]
    for process in runs:
        process.start()
    for process in runs:
        process.join(60)
    return [process.exitcode for process in runs]


def test_two_runs_at_once_decode_once_and_both_succeed(tmp_path, digits_cache):
    assert run_together(tmp_path, 2) == [0, 0]
    expected = summary(load_dataset("digits", cache_dir=digits_cache))
    assert [path.read_text() for path in tmp_path.glob("result-*")] == [expected] * 2
    assert (tmp_path / "decoded").read_text().split() == ["train", "test"]


def test_killed_run_leaves_nothing_visible_and_the_next_one_repairs(tmp_path, digits_cache):
    folder = tmp_path / "cache"
    assert run_together(tmp_path, 1, killed=True) == [-signal.SIGKILL]
    assert visible(folder) == [] and len(list(folder.glob(".*.building"))) == 1
    expected = summary(load_dataset("digits", cache_dir=digits_cache))
    assert summary(load_dataset("digits", cache_dir=folder)) == expected
    assert len(visible(folder)) == 1 and list(folder.glob(".*.building")) == []

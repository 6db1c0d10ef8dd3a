"""Any folder of pictures is a data set, divided or not; errors name the class or picture, odd formats are read too."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from para_former.data import folders, get_spec, load_dataset, locate, read_picture, read_split
from para_former.data.folders import EXTENSIONS
from para_former.data.pictures import FORMATS
from para_former.errors import InputError

COLORS = {"cat": (200, 0, 0), "dog": (0, 200, 0), "emu": (0, 0, 200)}


def fill(folder, names=COLORS, count=10):
    """A folder for each class with pictures of different sizes in its colour."""
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("RGB", (8 + number, 9), COLORS.get(name, (9, 9, 9))).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture
def divided(tmp_path):
    """6 and 2 pictures of each class."""
    fill(tmp_path / "zoo" / "train", count=6)
    fill(tmp_path / "zoo" / "test", count=2)
    return tmp_path / "zoo"


@pytest.fixture
def whole(tmp_path):
    """10 pictures of each class."""
    return fill(tmp_path / "zoo")


def refused(folder, *words, **settings):
    with pytest.raises(InputError) as caught:
        load_dataset(f"folder:{folder}", **settings)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message
    for word in words:
        assert word in message, message


def assert_colors(images, labels):
    colors = np.array(list(COLORS.values()), np.uint8)
    np.testing.assert_array_equal(images, np.broadcast_to(colors[labels][:, None, None], images.shape))


def test_a_divided_folder(divided):
    data = load_dataset(f"folder:{divided}", image_size=12, validation_fraction=0.2)
    assert data.spec.name == f"folder:{divided}" and data.spec.title == "zoo"
    assert data.spec.classes == ("cat", "dog", "emu") and data.spec.counts == {"train": 18, "test": 6}
    assert (len(data.train), len(data.validation), len(data.test)) == (14, 4, 6)
    assert np.bincount(data.test.labels).tolist() == [2, 2, 2]
    for split in (data.train, data.validation, data.test):
        assert_colors(split.images, split.labels)


def test_a_whole_folder_gives_a_fifth_of_each_class_to_test(whole):
    fill(whole, ["cat"], count=25)
    data = load_dataset(f"folder:{whole}", image_size=12)
    assert np.bincount(data.test.labels).tolist() == [5, 2, 2]
    assert data.spec.counts == {"train": 36, "test": 9}
    assert_colors(data.test.images, data.test.labels)


def test_the_division_is_the_same_forever_and_a_class_does_not_move_another(whole):
    def names(folder, part):
        return {file for file, _ in getattr(folders.list_folder(f"folder:{folder}"), part)}

    train, test = names(whole, "train"), names(whole, "test")
    assert not train & test and len(train | test) == 30
    assert {file.rsplit("/", 1)[1] for file in test} == {"02.png", "08.png"}
    fill(whole, ["ape"])
    assert test < names(whole, "test")


@given(sizes=st.lists(st.integers(2, 30), min_size=2, max_size=6))
@settings(deadline=None)
def test_division_of_any_classes(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    files = [(f"file {row}", int(label)) for row, label in enumerate(labels)]
    train, test = folders._divide(Path("root"), [f"class {n}" for n in range(len(sizes))], files)
    assert sorted(train + test) == sorted(files) and [f for f in files if f in test] == test
    for label, size in enumerate(sizes):
        assert [own for _, own in test].count(label) == max(1, round(0.2 * size))


def test_validation_leaves_every_class_a_picture_to_train_on(tmp_path):
    fill(tmp_path / "zoo", ["common"], count=30)
    data = load_dataset(f"folder:{fill(tmp_path / 'zoo', [f'rare {n}' for n in range(30)], count=2)}", image_size=4)
    assert (len(data.train), len(data.validation)) == (51, 3)
    assert set(data.train.labels) == set(range(31))
    with pytest.raises(InputError, match="validation fraction 0.9: .* 1 of each of 31 classes to train on"):
        load_dataset(f"folder:{tmp_path / 'zoo'}", image_size=4, validation_fraction=0.9)


def test_usual_size_path_with_tilde_and_cache_name(whole, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_spec("folder:~/zoo").image_size == 224
    assert locate(get_spec("folder:~/zoo")).folder == whole
    load_dataset("folder:~/zoo", image_size=4)
    (cached,) = (path.name for path in (tmp_path / "cache").iterdir() if path.is_dir())
    assert cached.startswith("zoo-")


def test_only_pictures_count_at_any_depth_and_hidden_ones_do_not(whole):
    (whole / "cat" / "readme.txt").write_text("text")
    (whole / "cat" / ".hidden.png").write_text("text")
    (whole / ".cache").mkdir()
    (whole / "cat" / ".thumbnails" / "small").mkdir(parents=True)
    shutil.copy(whole / "cat" / "01.png", whole / "cat" / ".thumbnails" / "small" / "01.png")
    (whole / "cat" / "deep" / "er").mkdir(parents=True)
    (whole / "cat" / "00.png").rename(whole / "cat" / "deep" / "er" / "UPPER.PNG")
    spec = get_spec(f"folder:{whole}")
    assert spec.classes == ("cat", "dog", "emu") and sum(spec.counts.values()) == 30


def test_changed_folder_is_read_again(whole):
    assert load_dataset(f"folder:{whole}", image_size=4).spec.counts["train"] == 24
    (whole / "dog" / "00.png").rename(whole / "cat" / "zz.png")
    data = load_dataset(f"folder:{whole}", image_size=4)
    labels = np.concatenate([split.labels for split in (data.train, data.validation, data.test)])
    assert np.bincount(labels).tolist() == [11, 9, 10]


def test_two_folders_that_differ_in_pixels_alone_are_two(tmp_path):
    """Names, sizes and times of change agree: of uncompressed pictures from two archives they often do."""
    means = []
    for version, value in (("v1", 10), ("v2", 200)):
        for number in range(8):
            picture = tmp_path / version / "zoo" / "ab"[number % 2] / f"{number}.bmp"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (value,) * 3).save(picture)
            os.utime(picture, (0, 0))
        means.append(load_dataset(f"folder:{tmp_path / version / 'zoo'}", image_size=4).train.images.mean())
    assert means == [10, 200]


def test_no_such_folder(tmp_path):
    refused(tmp_path / "nowhere", "no such folder")


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_classes(tmp_path, count):
    folder = fill(tmp_path / "zoo", list(COLORS)[:count])
    folder.mkdir(exist_ok=True)
    refused(folder, "each of 2 or more classes", ["found none", "found cat"][count])


def test_train_without_test(divided):
    (divided / "test").rename(divided / "val")
    refused(divided, "expected train and test", "found train, val")
    shutil.rmtree(divided / "val")
    refused(divided, "expected train and test", "found train alone")
    (divided / "train").rename(divided / "test")
    refused(divided, "found test alone")


def test_splits_of_other_names_are_no_classes(divided):
    for name in ("train", "test"):
        (divided / name).rename(divided / name.title())
    refused(divided, "expected train and test", "found Test, Train")


def test_another_name_or_size_of_a_picture_is_another_division(whole):
    division = load_dataset(f"folder:{whole}", image_size=4).split_hash
    (whole / "dog" / "00.png").touch()
    assert load_dataset(f"folder:{whole}", image_size=4).split_hash == division
    (whole / "dog" / "00.png").rename(whole / "dog" / "zz.png")
    assert load_dataset(f"folder:{whole}", image_size=4).split_hash != division


def test_a_link_that_leads_nowhere_is_a_picture_that_cannot_be_read(whole):
    (whole / "dog" / "zz.png").symlink_to(whole / "nowhere.png")
    refused(whole, "zz.png", image_size=4)
    data = load_dataset(f"folder:{whole}", image_size=4, skip_corrupt=True)
    assert data.skipped == (str(Path("dog") / "zz.png"),)


def test_a_class_may_be_called_train(tmp_path):
    assert get_spec(f"folder:{fill(tmp_path / 'zoo', ['cat', 'train'])}").classes == ("cat", "train")


@pytest.mark.parametrize("half", ["train", "test"])
def test_an_empty_class_is_named(divided, half):
    for path in (divided / half / "dog").iterdir():
        path.unlink()
    refused(divided, str(divided / half), "of every class", "found none of dog")
    (divided / half / "dog" / "notes.txt").write_text("no picture")
    refused(divided, "found none of dog")


def test_an_empty_class_of_a_whole_folder_is_named(whole):
    (whole / "fox").mkdir()
    refused(whole, "found none of fox")


def test_no_pictures_at_all(tmp_path):
    for name in COLORS:
        (tmp_path / "zoo" / name).mkdir(parents=True)
    refused(tmp_path / "zoo", "found none of cat, dog, emu")


def test_a_class_only_in_test_is_named(divided):
    fill(divided / "test", ["fox"])
    refused(divided, str(divided / "test"), "found one more: fox")


def test_a_class_only_in_train_is_named(divided):
    fill(divided / "train", ["fox"])
    refused(divided, str(divided / "test"), "found none of fox")


def test_a_class_of_one_picture_cannot_be_divided(whole):
    fill(whole, ["fox"], count=1)
    refused(whole, str(whole / "fox"), "at least 2 pictures", "found 1")


def test_every_extension_is_of_a_format_that_is_looked_for():
    known = Image.registered_extensions()
    assert {known[extension] for extension in EXTENSIONS} <= set(FORMATS)


def test_corrupt_pictures_are_named_and_counted(divided):
    (divided / "train" / "dog" / "03.png").write_text("text")
    broken = divided / "train" / "emu" / "05.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    refused(divided, "zoo train: 2 of 18 pictures cannot be read", "train/dog/03.png: ", "train/emu/05.png: ")


def test_or_left_out_and_named_in_the_data_set(divided):
    name = f"folder:{divided}"
    (divided / "train" / "dog" / "03.png").write_text("text")
    (divided / "test" / "emu" / "01.png").write_text("text")
    for _ in range(2):  # decoded, then from the cache
        data = load_dataset(name, image_size=12, validation_fraction=0.1, skip_corrupt=True)
        assert data.skipped == ("train/dog/03.png", "test/emu/01.png")
        assert data.spec.counts == {"train": 17, "test": 5}
        assert len(data.train) + len(data.validation) == 17
        assert_colors(data.train.images, data.train.labels)
        assert_colors(data.test.images, data.test.labels)
    refused(divided, "1 of 18 pictures")  # the other setting is another cache


def test_a_cache_with_pictures_left_out_is_not_that_of_the_whole_folder(divided):
    """Where all pictures lie together, neither counts nor sizes tell one from the other."""
    whole = divided / "train"
    (whole / "dog" / "03.png").write_text("text")
    assert load_dataset(f"folder:{whole}", image_size=4, skip_corrupt=True).skipped == ("dog/03.png",)
    refused(whole, "1 of 15 pictures", image_size=4)


def test_nothing_to_leave_out(divided):
    assert load_dataset(f"folder:{divided}", image_size=4, validation_fraction=0.1, skip_corrupt=True).skipped == ()


def test_a_class_without_any_readable_picture_is_refused(divided):
    for path in (divided / "test" / "emu").iterdir():
        path.write_text("text")
    settings = {"skip_corrupt": True, "validation_fraction": 0.1}
    refused(
        divided, "expected the labels 0..2, each at least once, found 2 different labels, 0..1, none of emu", **settings
    )
    for path in divided.glob("train/*/*"):
        path.write_text("text")
    refused(divided, "found 0 different labels, none of cat, dog, emu", **settings)


ODD = {
    "exif.jpg": lambda path: Image.new("RGB", (20, 10), (200, 0, 0)).save(path, exif=rotated()),
    "cmyk.jpg": lambda path: Image.new("CMYK", (9, 9), (0, 255, 255, 0)).save(path),
    "sixteen.png": lambda path: Image.fromarray(np.full((5, 5), 25_700, np.uint16)).save(path),
    "palette.png": lambda path: Image.new("P", (5, 5), 3).save(path),
    "alpha.png": lambda path: Image.new("RGBA", (5, 5), (200, 0, 0, 0)).save(path),
    "animated.gif": lambda path: Image.new("RGB", (5, 5), (200, 0, 0)).save(
        path, save_all=True, append_images=[Image.new("RGB", (5, 5), (0, 200, 0))]
    ),
    "animated.webp": lambda path: Image.new("RGB", (5, 5), (200, 0, 0)).save(
        path, save_all=True, append_images=[Image.new("RGB", (5, 5), (0, 200, 0))]
    ),
    "one.bmp": lambda path: Image.new("RGB", (1, 1), (200, 0, 0)).save(path),
    "long.png": lambda path: Image.new("RGB", (20_000, 4), (200, 0, 0)).save(path),
}


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_odd_formats_are_read_as_single_pictures_are(divided):
    for name, save in ODD.items():
        save(divided / "train" / "cat" / name)
    spec = get_spec(f"folder:{divided}", 12)
    images, labels = read_split(spec, "train")
    files = [file for file, _ in folders.list_folder(spec.name).train]
    assert len(images) == 18 + len(ODD) and labels.tolist() == [0] * (6 + len(ODD)) + [1] * 6 + [2] * 6
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(read_picture(Path(file), spec), image)


def test_decompression_bombs_are_named(divided, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 120)
    Image.new("1", (12, 12)).save(divided / "train" / "cat" / "bomb.png")
    refused(divided, "1 of 19 pictures", "train/cat/bomb.png", "DecompressionBomb", image_size=4)

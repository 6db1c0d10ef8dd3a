"""The table of data sets is consistent, and agrees with the libraries that know the same sets."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torchvision.datasets

from para_former.data import SPECS, get_spec, read_split, spec_from_record
from para_former.data.official import LabelledSTL10
from para_former.errors import InputError

CLASSES = {"digits": 10, "cifar10": 10, "cifar100": 100, "stl10": 10, "pets": 37, "flowers102": 102}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_spec_is_consistent(spec):
    assert get_spec(spec.name) is spec
    assert len(set(spec.classes)) == spec.num_classes == CLASSES[spec.name]
    assert len(spec.mean) == len(spec.std) == spec.channels
    assert spec.name == "flowers102" or list(spec.classes) == sorted(spec.classes)  # the official order of all others
    assert set(spec.counts) == {"train", "test"}
    assert spec.source_size in (None, spec.image_size)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "stl10"])
def test_torchvision_unpacks_into_the_folder_named_here(name):
    spec = get_spec(name)
    assert getattr(torchvision.datasets, spec.torchvision_class).base_folder == spec.torchvision_folder


def test_archives_are_those_that_torchvision_fetches():
    for name in ("cifar10", "cifar100", "stl10"):
        loader = getattr(torchvision.datasets, get_spec(name).torchvision_class)
        assert get_spec(name).archives == {loader.filename: loader.url}
    pets, flowers = torchvision.datasets.OxfordIIITPet, torchvision.datasets.Flowers102
    assert list(get_spec("pets").archives.values()) == [url for url, _ in pets._RESOURCES]
    files = [flowers._download_url_prefix + name for name, _ in flowers._file_dict.values()]
    assert list(get_spec("flowers102").archives.values()) == files
    for name in ("pets", "flowers102"):
        for path, url in get_spec(name).archives.items():
            assert path == f"{get_spec(name).torchvision_folder}/{url.rsplit('/', 1)[1]}"


def test_the_labelled_part_of_stl10_has_its_official_checksums():
    official = torchvision.datasets.STL10
    assert [name for name, _ in LabelledSTL10.train_list] == ["train_X.bin", "train_y.bin"]
    assert all(entry in official.train_list for entry in LabelledSTL10.train_list)
    assert LabelledSTL10.test_list == official.test_list


def test_mean_and_std_of_digits_are_those_of_its_train_split():
    spec = get_spec("digits")
    images, _ = read_split(spec, "train")
    np.testing.assert_allclose([images.mean() / 255, images.std() / 255], [*spec.mean, *spec.std], atol=5e-5)


def test_unknown_name_lists_the_known_ones():
    known = "digits, cifar10, cifar100, stl10, pets, flowers102 or folder:PATH"
    with pytest.raises(InputError, match=f"^unknown data set 'x': expected one of {known}$"):
        get_spec("x")


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_image_size_is_what_the_network_sees_and_fixed_files_stay_as_they_are(spec):
    resized = get_spec(spec.name, 48)
    assert resized.image_size == 48 and resized.stored_size == (spec.source_size or 48)


@pytest.mark.parametrize("size", [0, -5])
def test_impossible_image_size(size):
    with pytest.raises(InputError, match=f"^image size {size}: expected at least 1 pixel$"):
        get_spec("cifar10", size)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_survives_a_record(spec):
    assert spec_from_record(json.loads(json.dumps(asdict(spec)))) == spec

"""The table of data sets is consistent, and agrees with the libraries that know the same sets."""

import numpy as np
import pytest
import torchvision.datasets

from para_former.data import SPECS, get_spec, read_split
from para_former.errors import InputError


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_spec_is_consistent(spec):
    assert get_spec(spec.name) is spec
    assert len(set(spec.classes)) == spec.num_classes == {"digits": 10, "cifar10": 10, "cifar100": 100}[spec.name]
    assert len(spec.mean) == len(spec.std) == spec.channels
    assert list(spec.classes) == sorted(spec.classes)  # the official order of all three
    assert set(spec.counts) == {"train", "test"}


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_torchvision_unpacks_into_the_folder_named_here(name):
    spec = get_spec(name)
    assert getattr(torchvision.datasets, spec.torchvision_class).base_folder == spec.torchvision_folder


def test_mean_and_std_of_digits_are_those_of_its_train_split():
    spec = get_spec("digits")
    images, _ = read_split(spec, "train")
    np.testing.assert_allclose([images.mean() / 255, images.std() / 255], [*spec.mean, *spec.std], atol=5e-5)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="^unknown data set 'x': expected one of digits, cifar10, cifar100$"):
        get_spec("x")

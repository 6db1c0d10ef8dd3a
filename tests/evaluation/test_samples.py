"""The samples in a record are the right images of the right classes, pixel for pixel."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from para_former.data import Split
from para_former.evaluation import sample_images
from para_former.evaluation.samples import LARGEST_SIDE

NAMES = tuple("abcdefg")


def make_split(size=8, channels=3, per_class=6, classes=7):
    """Random images; the split takes every second one of the official ones, in no order of classes."""
    rng = np.random.default_rng(0)
    count = per_class * classes
    source = rng.integers(0, 256, (2 * count, size, size, channels), dtype=np.uint8)
    return Split(source, rng.permutation(np.arange(count) % classes), np.arange(1, 2 * count, 2))


def decode(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_the_first_images_of_the_best_the_median_and_the_worst_class(channels):
    split = make_split(channels=channels)
    samples = sample_images(split, NAMES, [50.0, 10.0, 90.0, 40.0, 70.0, 60.0, 20.0], count=3)
    assert list(samples) == ["c", "a", "b"]
    for name, images in samples.items():
        expected = split.images[split.labels == NAMES.index(name)][:3]
        assert [decode(image).tolist() for image in images] == expected.squeeze().tolist()


def test_a_class_without_images_is_not_chosen():
    samples = sample_images(make_split(), NAMES, [50.0, None, 90.0, None, 70.0, None, None])
    assert list(samples) == ["c", "e", "a"]


@pytest.mark.parametrize(("accuracies", "expected"), [([3.0], ["a"]), ([3.0, 5.0], ["b", "a"])])
def test_a_class_that_is_both_best_and_worst_stands_once(accuracies, expected):
    split = make_split(classes=len(accuracies))
    assert list(sample_images(split, NAMES[: len(accuracies)], accuracies)) == expected


def test_a_class_of_few_images_shows_them_all():
    samples = sample_images(make_split(per_class=2), NAMES, list(np.arange(7.0)), count=4)
    assert [len(images) for images in samples.values()] == [2, 2, 2]


def test_large_images_are_made_small_enough_for_a_record():
    samples = sample_images(make_split(size=2 * LARGEST_SIDE), NAMES, list(np.arange(7.0)), count=1)
    for (image,) in samples.values():
        assert decode(image).shape == (LARGEST_SIDE, LARGEST_SIDE, 3)

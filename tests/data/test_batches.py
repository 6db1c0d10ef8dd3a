"""An epoch shows every image once, in an order and with pixels that depend on seed and epoch, not on the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import (
    SPECS,
    Augment,
    DeviceSplit,
    Split,
    crop_flip,
    evaluation_batches,
    normalize,
    training_batches,
    uniform,
)
from para_former.errors import InputError

SPEC = SPECS["cifar10"]
PLAIN = Augment(padding=0, flip=False)
CROPPED = Augment(padding=2, flip=True)
COUNT = 50


def device_split(count=COUNT, first=1000):
    """Images of random pixels; the label of an image is its place, so that it can be followed through an epoch."""
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (first + COUNT, 8, 8, 3), dtype=np.uint8)
    split = Split(source, np.arange(count), np.arange(first, first + count))
    return DeviceSplit.from_split(split, "cpu")


def epoch(split=None, batch_size=COUNT, seed=0, number=0, augment=CROPPED):
    """All images and labels of one epoch."""
    split = split or device_split()
    batches = list(training_batches(split, SPEC, batch_size=batch_size, seed=seed, epoch=number, augment=augment))
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


def equal(left, right):
    torch.testing.assert_close(left, right, rtol=0, atol=0)


def test_device_split_holds_the_images_channels_first():
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (9, 4, 5, 3), dtype=np.uint8), np.array([7, 8]), np.array([2, 5]))
    on_device = DeviceSplit.from_split(split, "cpu")
    equal(on_device.images, torch.from_numpy(split.source[[2, 5]].transpose(0, 3, 1, 2).copy()))
    assert on_device.images.is_contiguous() and len(on_device) == 2
    assert on_device.labels.tolist() == [7, 8] and on_device.indices.tolist() == [2, 5]


@given(count=st.integers(1, COUNT), batch_size=st.integers(1, COUNT + 5))
@settings(deadline=None)
def test_training_drops_a_last_partial_batch_unless_it_is_the_only_one(count, batch_size):
    split = device_split(count)
    sizes = [
        len(labels)
        for _, labels in training_batches(split, SPEC, batch_size=batch_size, seed=0, epoch=0, augment=PLAIN)
    ]
    assert sizes == ([count] if count < batch_size else [batch_size] * (count // batch_size))


@given(count=st.integers(0, COUNT), batch_size=st.integers(1, COUNT + 5))
@settings(deadline=None)
def test_evaluation_shows_every_image_once_in_order(count, batch_size):
    split = device_split(count)
    batches = list(evaluation_batches(split, SPEC, batch_size=batch_size))
    assert [label for _, labels in batches for label in labels.tolist()] == list(range(count))
    for images, labels in batches:
        assert 0 < len(images) <= batch_size
        equal(images, normalize(split.images[labels], SPEC.mean, SPEC.std))


def test_an_epoch_shows_every_image_once_shuffled():
    images, labels = epoch(augment=PLAIN)
    assert sorted(labels.tolist()) == list(range(COUNT)) != labels.tolist()
    equal(images, normalize(device_split().images[labels], SPEC.mean, SPEC.std))


def test_order_and_pixels_follow_seed_and_epoch():
    images, labels = epoch(seed=3, number=4)
    again_images, again_labels = epoch(seed=3, number=4)
    equal(again_images, images)
    equal(again_labels, labels)
    for seed, number in ((3, 5), (4, 4), (4, 3)):
        other_images, other_labels = epoch(seed=seed, number=number)
        assert not torch.equal(other_labels, labels)
        assert not torch.equal(other_images[other_labels.argsort()], images[labels.argsort()])


def test_augmentation_is_that_of_the_samples_official_index():
    split = device_split()
    images, labels = epoch(split, seed=3, number=4)
    cropped = crop_flip(split.images[labels], uniform(3, 4, split.indices[labels], 3), CROPPED.padding, CROPPED.flip)
    equal(images, normalize(cropped, SPEC.mean, SPEC.std))


@given(batch_size=st.integers(1, COUNT))
@settings(deadline=None, max_examples=20)
def test_another_batch_size_sees_the_same_images_in_the_same_order(batch_size):
    images, labels = epoch(batch_size=batch_size)
    whole_images, whole_labels = epoch()
    equal(labels, whole_labels[: len(labels)])
    equal(images, whole_images[: len(images)])


def test_another_validation_split_changes_no_pixel_of_a_shared_image():
    few, many = device_split(COUNT // 2), device_split(COUNT)
    (few_images, few_labels), (many_images, many_labels) = epoch(few), epoch(many)
    shared = many_images[many_labels.argsort()][: COUNT // 2]
    equal(few_images[few_labels.argsort()], shared)


@pytest.mark.parametrize("augment", [PLAIN, replace(PLAIN, flip=True), replace(PLAIN, padding=3)])
def test_each_augmentation_alone(augment):
    split = device_split()
    images, labels = epoch(split, augment=augment)
    original = normalize(split.images[labels], SPEC.mean, SPEC.std)
    unchanged = (images == original).flatten(1).all(1)
    mirrored = (images == original.flip(3)).flatten(1).all(1)
    assert unchanged.all() == (augment == PLAIN)
    assert (unchanged | mirrored).all() == (augment.padding == 0)
    assert mirrored.any() == augment.flip


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_one_is_refused(batch_size):
    with pytest.raises(InputError, match=f"batch size {batch_size}: expected at least 1"):
        next(training_batches(device_split(), SPEC, batch_size=batch_size, seed=0, epoch=0, augment=PLAIN))
    with pytest.raises(InputError, match=f"batch size {batch_size}: expected at least 1"):
        next(evaluation_batches(device_split(), SPEC, batch_size=batch_size))

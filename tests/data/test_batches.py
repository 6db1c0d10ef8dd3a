"""An epoch shows every image once, in an order and with pixels that depend on seed and epoch, not on the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import (
    SPECS,
    Augment,
    DeviceSplit,
    Split,
    batches,
    crop_flip,
    evaluation_batches,
    network_input,
    normalize,
    training_batches,
    uniform,
)
from para_former.data.inputs import resize
from para_former.data.mixing import mix
from para_former.errors import InputError

# As large as the images here, so that nothing is scaled, and with a class for each of them.
SPEC = replace(SPECS["cifar10"], image_size=8, classes=tuple(map(str, range(50))))
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


@pytest.mark.parametrize(
    "augment", [CROPPED, Augment(padding=1, randaugment_rounds=1, mixup=0.8, erasing=0.5)], ids=str
)
def test_batches_augmented_together_are_those_augmented_apart(monkeypatch, augment):
    apart = epoch(batch_size=7, seed=3, number=4, augment=augment)
    for count in (2, 3, 100):
        monkeypatch.setattr(batches, "batches_together", lambda *_, count=count: count)
        for together, alone in zip(epoch(batch_size=7, seed=3, number=4, augment=augment), apart, strict=True):
            equal(together, alone)


def test_only_a_gpu_augments_several_batches_at_once():
    images = device_split().images
    assert batches.batches_together(images, 7) == 1

    class OnGPU(torch.Tensor):
        is_cuda = True

    on_gpu = images.as_subclass(OnGPU)
    assert batches.batches_together(on_gpu, 7) == batches.TOGETHER_BYTES // (images[0].numel() * 7) > 1
    assert batches.batches_together(on_gpu, 10**9) == 1 == batches.batches_together(on_gpu[:0], 7)


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


EVERYTHING = Augment(
    padding=2,
    flip=True,
    crop_scale=(0.3, 1.0),
    randaugment_rounds=2,
    randaugment_magnitude=14,
    color_jitter=0.4,
    erasing=0.5,
    mixup=0.8,
    cutmix=1.0,
)


@given(batch_size=st.integers(1, COUNT))
@settings(deadline=None, max_examples=15)
def test_another_batch_size_sees_the_same_pixels_and_targets_with_everything_on(batch_size):
    images, targets = epoch(batch_size=batch_size, augment=EVERYTHING)
    whole_images, whole_targets = epoch(augment=EVERYTHING)
    equal(targets, whole_targets[: len(targets)])
    equal(images, whole_images[: len(images)])


@pytest.mark.parametrize("mixing", [{"mixup": 0.8}, {"cutmix": 1.0}, {"mixup": 0.8, "cutmix": 1.0}], ids=str)
def test_targets_are_shares_of_classes_when_images_mix_and_labels_otherwise(mixing):
    split, arguments = device_split(), {"batch_size": 20, "seed": 0, "epoch": 0}
    plain = list(training_batches(split, SPEC, **arguments, augment=PLAIN))
    mixed = list(training_batches(split, SPEC, **arguments, augment=Augment(**mixing)))
    order = torch.cat([labels for _, labels in plain]).tolist()
    assert all(labels.dtype == torch.int64 and labels.shape == (20,) for _, labels in plain)
    for row, shares in enumerate(torch.cat([targets for _, targets in mixed])):
        assert shares.dtype == torch.float32 and shares.shape == (COUNT,) and abs(shares.sum() - 1) < 1e-6
        if row:  # the first image meets the last one of the epoch, which may be dropped itself
            assert set(shares.nonzero()[:, 0].tolist()) <= {order[row], order[row - 1]}
        assert F.cross_entropy(torch.zeros(1, COUNT), shares[None]).isfinite()


def test_mixed_images_are_those_of_the_mixing_function():
    split = device_split()
    ((images, targets),) = training_batches(split, SPEC, batch_size=COUNT, seed=3, epoch=4, augment=Augment(mixup=0.8))
    ((plain, labels),) = training_batches(split, SPEC, batch_size=COUNT, seed=3, epoch=4, augment=PLAIN)
    uniforms = uniform(3, 4, split.indices[labels], 19)[:, 15:]
    for result, expected in zip(
        (images, targets), mix(plain, F.one_hot(labels, COUNT).float(), uniforms, 0.8, 0.0), strict=True
    ):
        equal(result, expected)


@pytest.mark.parametrize("size", [4, 12])
def test_batches_have_the_size_that_the_network_sees(size):
    split, spec = device_split(), replace(SPEC, image_size=size)
    arguments = {"batch_size": COUNT, "seed": 3, "epoch": 4, "augment": CROPPED}
    ((images, labels),) = training_batches(split, spec, **arguments)
    ((native, _),) = training_batches(split, SPEC, **arguments)
    equal(images, resize(native, size))
    ((evaluated, _),) = evaluation_batches(split, spec, batch_size=COUNT)
    equal(evaluated, network_input(split.images, spec))
    assert images.shape == evaluated.shape == (COUNT, 3, size, size)


def test_an_empty_split_gives_no_batches():
    split = device_split(0)
    assert list(training_batches(split, SPEC, batch_size=5, seed=0, epoch=0, augment=EVERYTHING)) == []
    assert list(evaluation_batches(split, SPEC, batch_size=5)) == []


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batch_size_below_one_is_refused(batch_size):
    with pytest.raises(InputError, match=f"batch size {batch_size}: expected at least 1"):
        next(training_batches(device_split(), SPEC, batch_size=batch_size, seed=0, epoch=0, augment=PLAIN))
    with pytest.raises(InputError, match=f"batch size {batch_size}: expected at least 1"):
        next(evaluation_batches(device_split(), SPEC, batch_size=batch_size))

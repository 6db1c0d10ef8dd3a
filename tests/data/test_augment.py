"""Off by default, refused where impossible, and every operation sees the same numbers whatever else is on."""

import re
from dataclasses import replace

import pytest
import torch

from para_former.data import Augment, color_jitter, crop_flip, erase, randaugment, resized_crop, uniform
from para_former.data.augment import augment_inputs, augment_pixels
from para_former.data.mixing import mix
from para_former.errors import InputError

ALL = Augment(
    padding=2,
    flip=True,
    crop_scale=(0.3, 0.9),
    randaugment_rounds=2,
    randaugment_magnitude=14,
    color_jitter=0.4,
    erasing=0.5,
    mixup=0.8,
    cutmix=1.0,
)
REFUSED = {
    "padding -1: expected 0 pixels or more": {"padding": -1},
    "crop_scale (0.0, 1.0): expected 0 < least <= largest <= 1": {"crop_scale": (0.0, 1.0)},
    "crop_scale (0.9, 0.5): expected 0 < least <= largest <= 1": {"crop_scale": (0.9, 0.5)},
    "crop_scale (0.5, 1.1): expected 0 < least <= largest <= 1": {"crop_scale": (0.5, 1.1)},
    "randaugment_rounds -2: expected 0 or more": {"randaugment_rounds": -2},
    "randaugment_magnitude 31: expected 0..30": {"randaugment_magnitude": 31},
    "randaugment_magnitude -1: expected 0..30": {"randaugment_magnitude": -1},
    "color_jitter -0.1: expected 0 or more": {"color_jitter": -0.1},
    "color_jitter nan: expected 0 or more": {"color_jitter": float("nan")},
    "erasing 1.5: expected a probability in [0, 1]": {"erasing": 1.5},
    "mixup inf: expected 0 or more": {"mixup": float("inf")},
    "cutmix -1.0: expected 0 or more": {"cutmix": -1.0},
}


@pytest.fixture
def images():
    return torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def numbers(augment, count=40):
    return uniform(3, 4, torch.arange(count), augment.numbers)


def equal(left, right):
    torch.testing.assert_close(left, right, rtol=0, atol=0)


@pytest.mark.parametrize("message", REFUSED)
def test_impossible_values_are_refused_with_the_number(message):
    with pytest.raises(InputError, match=f"^augmentation {re.escape(message)}$"):
        Augment(**REFUSED[message])


def test_nothing_happens_by_default(images):
    off = Augment()
    assert not off.mixes
    equal(augment_pixels(images, numbers(off), off), images)
    inputs = images.float(), torch.arange(40)
    for result, before in zip(augment_inputs(*inputs, numbers(off), off), inputs, strict=True):
        equal(result, before)


def test_pixels_pass_through_all_operations_in_order(images):
    uniforms = numbers(ALL)
    expected = resized_crop(images, uniforms[:, 3:7], (0.3, 0.9))
    expected = crop_flip(expected, uniforms[:, 0:3], 2, True)
    expected = randaugment(expected, uniforms[:, 19:].view(40, 2, 2), 14)
    expected = color_jitter(expected, uniforms[:, 7:10], 0.4)
    equal(augment_pixels(images, uniforms, ALL), expected)


def test_inputs_are_erased_and_then_mixed(images):
    uniforms, targets = numbers(ALL), torch.eye(40)
    expected = mix(erase(images.float(), uniforms[:, 10:15], 0.5), targets, uniforms[:, 15:19], 0.8, 1.0)
    for result, own in zip(augment_inputs(images.float(), targets, uniforms, ALL), expected, strict=True):
        equal(result, own)


@pytest.mark.parametrize("off", [{"padding": 0, "flip": False}, {"randaugment_rounds": 0}, {"crop_scale": (1.0, 1.0)}])
def test_turning_one_operation_off_leaves_the_numbers_of_the_others(images, off):
    fewer = replace(ALL, **off)
    equal(numbers(fewer), numbers(ALL)[:, : fewer.numbers])


@pytest.mark.parametrize(
    "on",
    [{"padding": 3}, {"flip": True}, {"crop_scale": (0.2, 0.8)}, {"randaugment_rounds": 1}, {"color_jitter": 0.5}],
    ids=str,
)
def test_each_operation_alone_changes_pixels(images, on):
    augment = Augment(**on)
    result = augment_pixels(images, numbers(augment), augment)
    assert result.shape == images.shape and result.dtype == images.dtype and not torch.equal(result, images)


@pytest.mark.gpu
def test_the_accelerator_gives_nearly_the_same_pixels(images):
    exact = replace(ALL, crop_scale=(1.0, 1.0), randaugment_rounds=0, color_jitter=0.0)
    for augment, tolerance in ((exact, 0), (ALL, 1)):  # float sums are ordered differently there
        results = [
            augment_pixels(images.to(device), numbers(augment).to(device), augment).cpu().int()
            for device in ("cpu", "cuda")
        ]
        far = (results[0] - results[1]).abs() > tolerance
        assert far.float().mean() < 0.01

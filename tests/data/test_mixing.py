"""Mixed images equal torchvision's with the same parameters; targets are the shares that are seen, and sum to 1."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import CutMix, MixUp

from para_former.data import uniform
from para_former.data.mixing import mix
from para_former.data.random_numbers import beta

ALPHA = st.sampled_from([0.1, 0.8, 1.0, 5.0])
BATCH = st.integers(1, 8)


def batch(count, classes=5, height=9, width=6):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, height, width, generator=generator)
    return images, F.one_hot(torch.arange(count) % classes, classes).float()


def numbers(count, seed):
    return uniform(seed, 0, torch.arange(count), 4)


def mixup(images, targets, uniforms, alpha):
    return mix(images, targets, uniforms, mixup_alpha=alpha, cutmix_alpha=0.0)


def cutmix(images, targets, uniforms, alpha):
    return mix(images, targets, uniforms, mixup_alpha=0.0, cutmix_alpha=alpha)


@given(count=BATCH, alpha=ALPHA, seed=st.integers(0, 1000), which=st.sampled_from([mixup, cutmix]))
@settings(deadline=None)
def test_targets_are_shares(count, alpha, seed, which):
    _, targets = which(*batch(count), numbers(count, seed), alpha)
    assert (targets >= 0).all()
    torch.testing.assert_close(targets.sum(1), torch.ones(count), rtol=0, atol=1e-6)


@given(count=BATCH, alpha=ALPHA, seed=st.integers(0, 1000))
@settings(deadline=None)
def test_mixup_equals_torchvision_image_by_image(count, alpha, seed):
    (images, targets), uniforms = batch(count), numbers(count, seed)
    mixed, soft = mixup(images, targets, uniforms, alpha)
    for row, share in enumerate(beta(uniforms[:, 0], alpha).tolist()):
        params = {"lam": share, "labels": targets, "batch_size": count}
        for result, before in ((mixed, images), (soft, targets)):
            torch.testing.assert_close(result[row], MixUp(num_classes=5).transform(before, params)[row])


@given(count=BATCH, alpha=ALPHA, seed=st.integers(0, 1000))
@settings(deadline=None)
def test_cutmix_equals_torchvision_image_by_image(count, alpha, seed):
    (images, targets), uniforms = batch(count), numbers(count, seed)
    mixed, soft = cutmix(images, targets, uniforms, alpha)
    halves = 0.5 * (1 - beta(uniforms[:, 0], alpha)).sqrt()  # float32: boxes of all the image must stay whole
    for row, (half, numbers_of_row) in enumerate(zip(halves, uniforms, strict=True)):
        middle = int(numbers_of_row[2] * 6), int(numbers_of_row[1] * 9)
        x1, y1, x2, y2 = (
            min(max(place + sign * int(half * size), 0), size)
            for sign in (-1, 1)
            for place, size in zip(middle, (6, 9), strict=True)
        )
        seen = 1 - (x2 - x1) * (y2 - y1) / 54
        params = {"box": (x1, y1, x2, y2), "lam_adjusted": seen, "labels": targets, "batch_size": count}
        for result, before in ((mixed, images), (soft, targets)):
            torch.testing.assert_close(result[row], CutMix(num_classes=5).transform(before, params)[row])


def test_the_mean_of_a_batch_stays_where_all_images_mix_alike():
    images, targets = batch(8)
    uniforms = numbers(1, 0).expand(8, -1)
    for which in (mixup, cutmix):
        mixed, soft = which(images, targets, uniforms, 1.0)
        assert not torch.equal(mixed, images)
        torch.testing.assert_close(soft.mean(0), targets.mean(0))
        torch.testing.assert_close(mixed.mean(0), images.mean(0), rtol=1e-4, atol=1e-5)


def test_with_both_each_image_gets_one_of_the_two():
    (images, targets), uniforms = batch(40), numbers(40, 3)
    mixed, soft = mix(images, targets, uniforms, 0.8, 1.0)
    cut = uniforms[:, 3] < 0.5
    assert 5 < cut.sum() < 35
    for rows, (one_mixed, one_soft) in (
        (cut, cutmix(images, targets, uniforms, 1.0)),
        (~cut, mixup(images, targets, uniforms, 0.8)),
    ):
        torch.testing.assert_close(mixed[rows], one_mixed[rows], rtol=0, atol=0)
        torch.testing.assert_close(soft[rows], one_soft[rows], rtol=0, atol=0)


@pytest.mark.parametrize("which", [0, 1])
def test_with_one_all_images_get_that(which):
    (images, targets), uniforms = batch(9), numbers(9, 3)
    alphas, alone = [(0.7, 0.0), (0.0, 0.7)][which], [mixup, cutmix][which]
    for result, expected in zip(
        mix(images, targets, uniforms, *alphas), alone(images, targets, uniforms, 0.7), strict=True
    ):
        torch.testing.assert_close(result, expected, rtol=0, atol=0)

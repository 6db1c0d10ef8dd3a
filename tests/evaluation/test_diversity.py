"""Variances are those of their definition, and correlations those of scipy, with intervals that mean something."""

import numpy as np
import pytest
import scipy.stats
import torch

from para_former.data import Split
from para_former.errors import InputError
from para_former.evaluation.diversity import class_variances, correlations, diversity_study, features

RNG = np.random.default_rng(0)


def scenes(background, count=12, size=32, moving=True):
    """A bright square somewhere in the middle half, before backgrounds [count, 1, 1, 3] that are given."""
    images = np.broadcast_to(background, (count, size, size, 3)).astype(np.uint8)
    for image in images:
        row, column = RNG.integers(size // 4, size // 2, 2) if moving else (size // 3, size // 3)
        image[row : row + size // 4, column : column + size // 4] = 255
    return images


def test_a_moving_object_before_a_constant_background_varies_in_the_foreground_alone():
    found = class_variances(scenes(np.full((12, 1, 1, 3), 90)))
    assert found["background"] == 0 and found["foreground"] > 0.01
    assert 0 < found["within"] < found["foreground"]


def test_a_still_object_before_changing_backgrounds_varies_in_the_background_more():
    found = class_variances(scenes(RNG.integers(0, 256, (12, 1, 1, 3)), moving=False))
    assert found["background"] > found["foreground"] > 0


def test_without_its_mean_colour_an_evenly_coloured_image_is_like_any_other():
    found = class_variances(np.broadcast_to(RNG.integers(0, 256, (9, 1, 1, 3)), (9, 16, 16, 3)).astype(np.uint8))
    assert found["shape"] < 1e-20 < 0.01 < found["within"]


@pytest.mark.parametrize("size", [8, 16, 32, 96, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_variance_is_unbiased_and_features_keep_the_mean(size, channels):
    images = RNG.integers(0, 256, (5, size, size, channels), dtype=np.uint8)
    small = features(images)
    assert small.shape == (5, channels, 16, 16)
    if size % 16 == 0 or size == 8:
        means = torch.tensor(images / 255).mean((1, 2))
        torch.testing.assert_close(small.mean((2, 3)), means, rtol=1e-6, atol=0)
    expected = small.numpy().var(0, ddof=1).mean()
    assert class_variances(images)["within"] == pytest.approx(expected)


def measures(count):
    values = RNG.normal(size=(5, count)).round(1)  # with ties
    return dict(zip(("images", "within", "background", "foreground", "shape"), values.tolist(), strict=True))


@pytest.mark.parametrize("count", [6, 102])
def test_correlations_are_spearmans(count):
    given, top1 = measures(count), RNG.integers(0, 20, count).astype(float).tolist()
    for each in correlations(given, top1):
        one, other = ({**given, "top1": top1}[each[name]] for name in ("of", "with"))
        assert -1 <= each["low"] <= each["high"] <= 1
        if each["fixed"] is None:
            assert each["rho"] == pytest.approx(scipy.stats.spearmanr(one, other).statistic)
        else:
            ranks = np.stack([scipy.stats.rankdata(values) for values in (one, other, given[each["fixed"]])])
            inverse = np.linalg.inv(np.corrcoef(ranks))
            assert each["rho"] == pytest.approx(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]))


def test_an_interval_leaves_out_0_for_what_goes_together_and_not_for_what_does_not():
    given = measures(102)
    noise = RNG.normal(size=102)
    found = {
        (each["of"], each["fixed"]): each
        for each in correlations(given, (noise - 2 * np.array(given["background"])).tolist())
        if each["with"] == "top1"
    }
    assert found["background", None]["high"] < -0.5 and found["background", "foreground"]["high"] < -0.5
    assert found["foreground", "background"]["low"] < 0 < found["foreground", "background"]["high"]


def test_what_is_the_same_for_all_classes_correlates_with_nothing():
    given = {**measures(20), "images": [10.0] * 20}
    (images, *_) = correlations(given, list(map(float, range(20))))
    assert (images["of"], images["rho"], images["low"], images["high"]) == ("images", 0, 0, 0)


def test_a_study_is_repeatable_and_leaves_out_classes_without_images_or_accuracy():
    labels = np.array([label for label in range(7) for _ in range(1 if label == 2 else 4)])
    split = Split(RNG.integers(0, 256, (60, 8, 8, 1), dtype=np.uint8), labels, np.arange(30, 30 + len(labels)))
    top1 = [10.0, None, 30.0, 40.0, 50.0, 60.0, 70.0]
    record = diversity_study(split, "abcdefg", top1)
    assert record == diversity_study(split, "abcdefg", top1)
    assert (record["classes"], record["left_out"]) == (list("adefg"), ["b", "c"])
    assert record["top1"] == [10.0, 40.0, 50.0, 60.0, 70.0] and record["images"] == len(labels)
    assert record["measures"]["within"][1] == class_variances(split.images[labels == 3])["within"]
    with pytest.raises(InputError, match="expected at least 5 classes .* found 4"):
        diversity_study(split, "abcdefg", [None, *top1[1:]])


def test_an_interval_is_as_wide_as_that_of_95_percent():
    """Of 400 unrelated classes rho has a standard deviation of 1 / sqrt(399)."""
    values = np.random.default_rng(1).normal(size=(6, 400)).tolist()
    given_measures = dict(zip(("images", "within", "background", "foreground", "shape"), values, strict=False))
    widths = [each["high"] - each["low"] for each in correlations(given_measures, values[5])]
    assert np.mean(widths) == pytest.approx(2 * 1.96 / 399**0.5, rel=0.08)

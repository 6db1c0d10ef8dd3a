"""Cosines of what moves, the AUC, and a study in which the twin of an image is the image itself."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from para_former import theory
from para_former.theory.similarity import auc, cosines
from tests.networks import images_for, small_network


def test_cosines_are_centred_and_join_branches():
    values = torch.randn(2, 7, 3, dtype=torch.float64)
    whole = values.transpose(0, 1).flatten(1)
    moved = whole - whole[:5].mean(0)
    expected = torch.nn.functional.cosine_similarity(moved[:5, None], moved[None], dim=-1)
    torch.testing.assert_close(cosines(values, 5), expected)


def test_auc_is_the_share_of_pairs_in_order():
    values, positive = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert auc(rankdata(values), positive) == pytest.approx(0.75)


@pytest.mark.parametrize("depth", [1, 2])
def test_equal_images_have_equal_parameters_and_labels_at_random_say_nothing(depth):
    model = small_network(depth=depth)
    images, labels = images_for(model, 24), torch.arange(24) % 3
    study = theory.similarity_study(model, images, images, torch.randn_like(images), labels)
    names = [(slot["slot"], slot["module"]) for slot in study["slots"]]
    assert names[0] == ("pixels", 0) and len(names) == len(set(names))
    assert len(names) == 1 + depth + theory.affected_slots(depth, "layernorm")
    for slot in study["slots"]:
        assert slot["pairs"]["twin"] == pytest.approx([1, 1, 1])
        low, high = slot["auc_null"]
        assert 0.3 < low < 0.5 < high < 0.7
        assert low - 0.1 < slot["auc"] < high + 0.1


def test_slots_that_stand_still_are_left_out():
    model = small_network(depth=2)
    images = images_for(model, 1).repeat(6, 1, 1, 1)
    images = images + 0.1 * torch.randn_like(images)
    study = theory.similarity_study(model, images, images, images, torch.arange(6) % 2)
    still = {(slot.name, slot.module) for slot in theory.expand(2, "layernorm") if not slot.expression.varies}
    assert not still & {(slot["slot"], slot["module"]) for slot in study["slots"]}


@pytest.fixture(scope="module")
def alike():
    """Eight nearly equal images of each of three classes, which the labels know: model, images, labels, study."""
    torch.manual_seed(0)
    model = small_network(depth=2)
    images = images_for(model, 3).repeat(8, 1, 1, 1)
    images = images + 0.02 * torch.randn_like(images)
    labels = torch.arange(24) % 3
    return model, images, labels, theory.similarity_study(model, images, images, torch.randn_like(images), labels)


def test_images_that_are_nearly_equal_are_the_pairs_of_one_class(alike):
    for slot in alike[-1]["slots"]:
        assert slot["auc"] == 1 and slot["pairs"]["same class"][0] > slot["pairs"]["other class"][2]


def test_twins_have_no_part_in_the_noise(alike):
    model, images, labels, study = alike
    torch.manual_seed(1)
    noise = torch.randn_like(images)
    one, other = (theory.similarity_study(model, images, twins, noise, labels) for twins in (images, -images))
    for slot, same in zip(one["slots"], other["slots"], strict=True):
        assert slot["pairs"]["noise"] == pytest.approx(same["pairs"]["noise"])


def test_the_course_goes_from_pairs_unlike_in_pixels_to_pairs_alike(alike):
    for slot in alike[-1]["slots"]:
        across = [x for x, _ in slot["course"]]
        assert across == sorted(across)


def test_of_shuffled_labels_19_in_20_fall_into_the_null():
    model = small_network()
    images, labels = images_for(model, 24), torch.arange(24) % 3
    pixels, *_ = theory.similarity_study(model, images, images, images, labels)["slots"]
    low, high = pixels["auc_null"]
    rows, columns = np.triu_indices(24, 1)
    pairs = cosines(images.flatten(1)[None], 24).numpy()[rows, columns]
    generator = np.random.default_rng(1)
    inside = []
    for _ in range(300):
        shuffled = generator.permutation(labels.numpy())
        same = shuffled[rows] == shuffled[columns]
        inside.append(low <= (pairs[same][:, None] > pairs[~same]).mean() <= high)
    assert 0.9 < np.mean(inside) < 0.99

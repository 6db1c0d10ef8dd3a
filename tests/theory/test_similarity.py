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

"""Which images the studies look at."""

from dataclasses import replace

import pytest
import torch

from para_former.data import load_dataset
from para_former.errors import InputError
from para_former.theory import on_data
from para_former.theory.studies import untrained
from tests.networks import small_network


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


def digits_network():
    return small_network(torch.float32, in_channels=1, num_classes=10)


@pytest.mark.parametrize("study", on_data.STUDIES)
def test_no_study_asks_for_a_test_image(digits, study, no_shape_checks):
    found = on_data.STUDIES[study](digits_network(), replace(digits, test=None), 12)
    assert found["images"] == (72 if study == "branches" else 12)
    assert found.get("images_to_choose") == (1365 if study == "branches" else None)


def test_images_lie_all_over_the_split(digits):
    """In a folder of pictures the first ones are all of one class."""
    split = digits.validation
    order = split.labels.argsort(kind="stable")
    by_class = replace(split, labels=split.labels[order], indices=split.indices[order])
    shown = on_data._sample(by_class, 12)
    assert len(shown) == 12 and len(shown.labels.unique()) > 6
    assert torch.equal(shown.images[:, 0], torch.from_numpy(split.source[shown.indices.numpy()][..., 0]))
    assert len(on_data._sample(split, 1000)) == len(split)


def test_orders_of_branches_are_chosen_on_images_of_all_classes(digits, monkeypatch):
    monkeypatch.setattr(on_data, "CHOOSING", 20)
    split = digits.train
    order = split.labels.argsort(kind="stable")
    by_class = replace(split, labels=split.labels[order], indices=split.indices[order])
    seen = []

    def look(model, batches):
        seen.append(torch.cat([labels for _, labels in batches]))

    monkeypatch.setattr(on_data, "branch_outputs", look)
    monkeypatch.setattr(on_data, "branch_study", lambda training, validation: {})
    on_data.branches(digits_network(), replace(digits, train=by_class), 0)
    training, validation = seen
    assert len(training) == 20 and len(training.unique()) == 10 and len(validation) == len(digits.validation)


@pytest.mark.parametrize("count", [1, 2])
def test_similarity_needs_pairs_of_one_class_and_of_two(digits, count):
    with pytest.raises(InputError, match=f"found {count} classes among {count} images"):
        on_data.similarity(digits_network(), digits, count)


def test_twins_are_moved_by_up_to_an_eighth_and_digits_are_not_mirrored(digits, monkeypatch):
    asked, real = [], on_data.augment_pixels
    monkeypatch.setattr(
        on_data, "augment_pixels", lambda pixels, uniforms, how: asked.append(how) or real(pixels, uniforms, how)
    )
    on_data.similarity(digits_network(), digits, 12)
    assert [(how.padding, how.flip) for how in asked] == [(1, False)]


def test_the_trained_network_stands_beside_the_untrained_one(digits, monkeypatch):
    model = digits_network()
    monkeypatch.setattr(on_data, "similarity_study", lambda network, *_: {"slots": network.head.weight.tolist()})
    found = on_data.similarity(model, digits, 12)
    assert found["slots"] == model.head.weight.double().tolist()
    assert found["untrained"] == untrained(model).head.weight.double().tolist()

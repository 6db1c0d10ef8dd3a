"""Parts of a training split are balanced, nested, the same every time, and touch neither validation nor test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.data import load_dataset
from para_former.data.subset import balanced_rows
from para_former.errors import InputError

labels_of_classes = st.lists(st.integers(1, 12), min_size=1, max_size=6).map(
    lambda sizes: np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
)


@given(labels_of_classes)
def test_every_part_is_balanced_and_lies_within_the_next(labels):
    available, smaller = np.bincount(labels), set()
    for count in range(len(available), len(labels) + 1):
        rows = balanced_rows(labels, count)
        assert len(rows) == len(set(rows.tolist())) == count and (np.diff(rows) > 0).all()
        assert smaller <= (smaller := set(rows.tolist()))
        shares = np.bincount(labels[rows], minlength=len(available))
        assert ((shares >= shares.max() - 1) | (shares == available)).all()


def test_parts_are_the_same_forever():
    assert balanced_rows(np.arange(40) % 4, 8).tolist() == [4, 10, 11, 15, 20, 22, 25, 29]


@pytest.mark.parametrize("count", [-1, 0, 3, 41])
def test_fewer_than_a_class_each_or_more_than_there_are_is_refused(count):
    with pytest.raises(InputError, match=rf"train_images: expected from 4.*to the 40 .*found {count}$"):
        balanced_rows(np.arange(40) % 4, count)


def test_only_the_training_split_shrinks_and_its_hash_changes():
    whole, part, larger = load_dataset("digits"), *(load_dataset("digits", train_images=n) for n in (100, 200))
    for name in ("validation", "test"):
        for each in (part, larger):
            np.testing.assert_array_equal(getattr(each, name).indices, getattr(whole, name).indices)
    assert set(part.train.indices) < set(larger.train.indices) < set(whole.train.indices)
    assert np.bincount(part.train.labels).tolist() == [10] * 10
    np.testing.assert_array_equal(part.train.images, part.train.source[part.train.indices])
    assert len({each.split_hash for each in (whole, part, larger)}) == 3


def test_the_whole_split_is_a_part_too():
    part = load_dataset("digits", train_images=1365)
    np.testing.assert_array_equal(part.train.indices, load_dataset("digits").train.indices)

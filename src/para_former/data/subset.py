"""Part of a training split: fewer images, as many of each class as of any other, the same ones every time.

Parts are nested, a smaller one lying within every larger one, so that between two of them only images are added. Which
images a run trains on depends on no seed of its: runs over seeds differ in the network, not in the data.
"""

import numpy as np
from jaxtyping import Int64

from para_former.errors import InputError

SEED = 0


def balanced_rows(labels: Int64[np.ndarray, " all"], count: int) -> Int64[np.ndarray, " count"]:
    """The places, rising, of `count` of these images: the first ones when classes take turns in a fixed random order.

    Classes have equal shares, or shares that differ by one; a class that has run out leaves its turns to the others.
    """
    classes = len(np.unique(labels))
    if not classes <= count <= len(labels):
        expected = f"from {classes:,}, one of each class, to the {len(labels):,} of the training split"
        raise InputError(f"train_images: expected {expected}, found {count:,}")
    order = np.random.RandomState(SEED).permutation(len(labels))  # RandomState, since numpy promises it never changes
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    turn = np.empty_like(by_class)  # of each image among those of its class
    turn[by_class] = np.arange(len(labels)) - np.searchsorted(shuffled[by_class], shuffled[by_class])
    return np.sort(order[np.lexsort((shuffled, turn))[:count]])

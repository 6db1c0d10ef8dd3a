"""The studies on a data set: which images each looks at. The test split is left alone.

Networks are judged on validation images, seen by no step of training; the order of branches is chosen on training ones.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from para_former.data import Dataset, DeviceSplit, Split, evaluation_batches, network_input, uniform
from para_former.data.augment import Augment, augment_pixels
from para_former.models import ParaFormer
from para_former.records import Record
from para_former.theory.contributions import branch_outputs, branch_study
from para_former.theory.similarity import similarity_study
from para_former.theory.studies import decomposition_study, freedom_study, in_float64, untrained

BATCH = 250
CHOOSING = 2500
"""training images, at most, on which the order of branches is chosen"""


def decomposition(model: ParaFormer, dataset: Dataset, count: int) -> Record:
    """The identity, and the parts of the logits."""
    return decomposition_study(model, network_input(_sample(dataset.validation, count).images, dataset.spec))


def freedom(model: ParaFormer, dataset: Dataset, count: int) -> Record:
    """How much each slot moves."""
    return freedom_study(model, network_input(_sample(dataset.validation, count).images, dataset.spec))


def similarity(model: ParaFormer, dataset: Dataset, count: int) -> Record:
    """Trained and untrained. The twin of an image: shifted by up to an eighth, mirrored where that keeps the class."""
    split, spec = _sample(dataset.validation, count), dataset.spec
    images, labels = network_input(split.images, spec), split.labels
    augment = Augment(padding=max(1, spec.stored_size // 8), flip=spec.name != "digits")
    uniforms = uniform(0, 0, split.indices, augment.numbers)
    twins = network_input(augment_pixels(split.images, uniforms, augment), spec)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    tensors = [tensor.double() for tensor in (images, twins, noise)]
    trained, fresh = (similarity_study(in_float64(each), *tensors, labels) for each in (model, untrained(model)))
    return {**trained, "untrained": fresh["slots"]}


def branches(model: ParaFormer, dataset: Dataset, count: int) -> Record:
    """`count` plays no part: all validation images, orders chosen on as many training images as CHOOSING allows."""
    splits = _sample(dataset.train, CHOOSING), _sample(dataset.validation, len(dataset.validation))
    return branch_study(
        *(branch_outputs(model, evaluation_batches(split, dataset.spec, batch_size=BATCH)) for split in splits)
    )


STUDIES: dict[str, Callable[[ParaFormer, Dataset, int], Record]] = {
    "decomposition": decomposition,
    "freedom": freedom,
    "similarity": similarity,
    "branches": branches,
}


def _sample(split: Split, count: int) -> DeviceSplit:
    """`count` images, evenly spread over the split: in a folder they lie class by class."""
    rows = np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int)
    return DeviceSplit.from_split(replace(split, labels=split.labels[rows], indices=split.indices[rows]), "cpu")

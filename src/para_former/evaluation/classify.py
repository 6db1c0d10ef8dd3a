"""Evaluate a classifier on batches. It takes any function from images to logits, so it needs no network of ours."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from para_former.evaluation.metrics import Counts
from para_former.records import Record


@torch.inference_mode()
def classify(predict: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]], num_classes: int) -> Record:
    """Figures of `Counts` over all batches of (images, labels)."""
    counts = Counts(num_classes)
    for images, labels in batches:
        counts.add(predict(images), labels)
    return counts.figures()

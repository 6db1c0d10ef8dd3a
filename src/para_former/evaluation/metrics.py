"""Counts that add up over batches, and the figures made of them. Accuracies are percent."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from para_former.records import Record

CONFIDENCE_BINS = 15


@dataclass
class Counts:
    """Sums over images: add batches with `add`, read figures with `figures`."""

    num_classes: int
    images: int = 0
    top5: int = 0
    loss: float = 0.0
    bins: Float[Tensor, "bins 3"] = field(init=False)
    """by confidence: images, sum of the confidence, images classified rightly"""
    confusion: Int64[Tensor, "true predicted"] = field(init=False)

    def __post_init__(self) -> None:
        self.confusion = torch.zeros(self.num_classes, self.num_classes, dtype=torch.int64)
        self.bins = torch.zeros(CONFIDENCE_BINS, 3, dtype=torch.float64)

    def add(self, logits: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]) -> None:
        logits, labels = logits.float().cpu(), labels.cpu()
        self.images += len(labels)
        self.loss += F.cross_entropy(logits, labels, reduction="sum").item()
        best = logits.topk(min(5, self.num_classes)).indices
        self.top5 += (best == labels[:, None]).any(1).sum().item()
        confidence = logits.softmax(1).amax(1).double().nan_to_num()
        rows = (confidence * CONFIDENCE_BINS).long().clamp(max=CONFIDENCE_BINS - 1)
        right = (best[:, 0] == labels).double()
        self.bins.index_add_(0, rows, torch.stack([torch.ones_like(right), confidence, right], dim=1))
        pairs = labels * self.num_classes + best[:, 0]
        self.confusion += torch.bincount(pairs, minlength=self.num_classes**2).view_as(self.confusion)

    def figures(self) -> Record:
        """loss (mean cross-entropy, nats), top1, top5; per_class_top1 is None for a class without images.

        calibration_error is the expected calibration error (Guo et al. 2017, Eq. 3), percent: over bins of confidence,
        the mean of |accuracy - confidence| weighted by images. reliability lists [images, confidence, accuracy] of the
        bins in use.
        """
        right, total = self.confusion.diagonal(), self.confusion.sum(1)
        return {
            "images": self.images,
            "loss": self.loss / self.images,
            "top1": 100 * right.sum().item() / self.images,
            "top5": 100 * self.top5 / self.images,
            "per_class_top1": [100 * r / t if t else None for r, t in zip(right.tolist(), total.tolist(), strict=True)],
            "confusion": self.confusion.tolist(),
            "calibration_error": 100 * (self.bins[:, 2] - self.bins[:, 1]).abs().sum().item() / self.images,
            "reliability": [[int(n), 100 * c / n, 100 * r / n] for n, c, r in self.bins.tolist() if n],
        }

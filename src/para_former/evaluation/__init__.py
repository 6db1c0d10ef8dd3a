"""How good a classifier is, on any split."""

from para_former.evaluation.classify import classify
from para_former.evaluation.samples import sample_images

__all__ = ["classify", "sample_images"]

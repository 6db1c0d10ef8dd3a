"""How good a classifier is, on any split, and what its classes' images have to do with it."""

from para_former.evaluation.classify import classify
from para_former.evaluation.diversity import diversity_study
from para_former.evaluation.samples import sample_images

__all__ = ["classify", "diversity_study", "sample_images"]

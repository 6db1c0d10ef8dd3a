"""Data sets as batches of normalised images: the table of sets, reading, caching, augmentation, batching."""

from para_former.data.augment import Augment, crop_flip, normalize, uniform
from para_former.data.batches import DeviceSplit, evaluation_batches, training_batches
from para_former.data.cache import Dataset, Split, load_dataset
from para_former.data.pictures import read_picture
from para_former.data.sources import Source, locate, read_split
from para_former.data.specs import SPECS, DatasetSpec, get_spec

__all__ = [
    "SPECS",
    "Augment",
    "Dataset",
    "DatasetSpec",
    "DeviceSplit",
    "Source",
    "Split",
    "crop_flip",
    "evaluation_batches",
    "get_spec",
    "load_dataset",
    "locate",
    "normalize",
    "read_picture",
    "read_split",
    "training_batches",
    "uniform",
]

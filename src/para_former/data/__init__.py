"""Data sets as batches of normalised images: the table of sets, reading, caching, augmentation, batching."""

from para_former.data.augment import Augment
from para_former.data.batches import DeviceSplit, evaluation_batches, training_batches
from para_former.data.cache import Dataset, Split, load_dataset
from para_former.data.color import color_jitter
from para_former.data.downloads import download
from para_former.data.folders import is_picture, is_picture_below
from para_former.data.geometry import crop_flip, erase, resized_crop
from para_former.data.inputs import network_input, normalize
from para_former.data.pictures import read_picture
from para_former.data.rand_augment import randaugment
from para_former.data.random_numbers import uniform
from para_former.data.sources import Source, get_spec, locate, read_split
from para_former.data.specs import SPECS, DatasetSpec, spec_from_record

__all__ = [
    "SPECS",
    "Augment",
    "Dataset",
    "DatasetSpec",
    "DeviceSplit",
    "Source",
    "Split",
    "color_jitter",
    "crop_flip",
    "download",
    "erase",
    "evaluation_batches",
    "get_spec",
    "is_picture",
    "is_picture_below",
    "load_dataset",
    "locate",
    "network_input",
    "normalize",
    "randaugment",
    "read_picture",
    "read_split",
    "resized_crop",
    "spec_from_record",
    "training_batches",
    "uniform",
]

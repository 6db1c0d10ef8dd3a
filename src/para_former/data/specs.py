"""The one table of all data sets: classes, sizes, official counts, normalisation and what their files are called.

Facts only: finding and reading the files is ``sources.py``'s work, the spec of a folder of pictures ``folders.py``'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from torchvision.datasets import Flowers102

from para_former.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """What is known about a data set before any of its files is opened."""

    name: str
    """The name used in code, commands and folders."""
    title: str
    """The name printed in tables."""
    classes: tuple[str, ...]
    """Class names; label k means ``classes[k]``."""
    image_size: int
    """Height and width in pixels of what a network sees."""
    source_size: int | None = None
    """Height and width in pixels of every picture in the files; None where they come in any size."""
    channels: int
    """1 grey, 3 RGB."""
    mean: tuple[float, ...]
    """Mean of each channel over the official train split, pixels in [0, 1]; ImageNet's where the comment says so."""
    std: tuple[float, ...]
    """Standard deviation of each channel over all pixels of the official train split, or ImageNet's, likewise."""
    counts: dict[str, int]
    """Images in each official split: ``train`` and ``test``."""
    image_columns: tuple[str, ...] = ()
    """Names under which Hugging Face parquet files hold the encoded image, the usual one first."""
    label_column: str = ""
    """Name under which Hugging Face parquet files hold the label."""
    torchvision_class: str = ""
    """The class in ``torchvision.datasets`` that reads the official files; none for a data set that sklearn carries."""
    torchvision_folder: str = ""
    """The folder into which the official archive unpacks."""
    archives: Mapping[str, str] = field(default_factory=dict)
    """Each official file as the data set's folder holds it before it is unpacked, and where it comes from."""

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def stored_size(self) -> int:
        """Height and width in pixels of the cached images: those of the files, ``image_size`` where they vary."""
        return self.source_size or self.image_size


DIGITS = DatasetSpec(
    name="digits",
    title="Digits",
    classes=tuple("0123456789"),
    image_size=8,
    source_size=8,
    channels=1,
    mean=(0.3054,),
    std=(0.3760,),
    counts={"train": 1437, "test": 360},  # ours (sources.py): sklearn's digits come without an official split
)

CIFAR10 = DatasetSpec(
    name="cifar10",
    title="CIFAR-10",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    image_size=32,
    source_size=32,
    channels=3,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    counts={"train": 50_000, "test": 10_000},
    image_columns=("img", "image"),
    label_column="label",
    torchvision_class="CIFAR10",
    torchvision_folder="cifar-10-batches-py",
    archives={"cifar-10-python.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"},
)

CIFAR100 = DatasetSpec(
    name="cifar100",
    title="CIFAR-100",
    classes=tuple(
        """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
        castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
        elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
        man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
        pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
        skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
        tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm""".split()
    ),
    image_size=32,
    source_size=32,
    channels=3,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    counts={"train": 50_000, "test": 10_000},
    image_columns=("img", "image"),
    label_column="fine_label",
    torchvision_class="CIFAR100",
    torchvision_folder="cifar-100-python",
    archives={"cifar-100-python.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"},
)

STL10 = DatasetSpec(
    name="stl10",
    title="STL-10",
    classes=("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
    image_size=96,
    source_size=96,
    channels=3,
    mean=IMAGENET_MEAN,  # not measured here
    std=IMAGENET_STD,
    counts={"train": 5_000, "test": 8_000},  # the 100,000 unlabelled images are not used
    image_columns=("image", "img"),
    label_column="label",
    torchvision_class="STL10",
    torchvision_folder="stl10_binary",
    archives={"stl10_binary.tar.gz": "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"},
)

PETS = DatasetSpec(
    name="pets",
    title="Oxford-IIIT Pets",
    classes=(
        *("Abyssinian", "American Bulldog", "American Pit Bull Terrier", "Basset Hound", "Beagle", "Bengal", "Birman"),
        *("Bombay", "Boxer", "British Shorthair", "Chihuahua", "Egyptian Mau", "English Cocker Spaniel"),
        *("English Setter", "German Shorthaired", "Great Pyrenees", "Havanese", "Japanese Chin", "Keeshond"),
        *("Leonberger", "Maine Coon", "Miniature Pinscher", "Newfoundland", "Persian", "Pomeranian", "Pug", "Ragdoll"),
        *("Russian Blue", "Saint Bernard", "Samoyed", "Scottish Terrier", "Shiba Inu", "Siamese", "Sphynx"),
        *("Staffordshire Bull Terrier", "Wheaten Terrier", "Yorkshire Terrier"),
    ),
    image_size=224,
    channels=3,
    mean=IMAGENET_MEAN,  # not measured here
    std=IMAGENET_STD,
    counts={"train": 3_680, "test": 3_669},  # train is the official trainval
    image_columns=("image", "img"),
    label_column="label",
    torchvision_class="OxfordIIITPet",
    torchvision_folder="oxford-iiit-pet",
    archives={
        "oxford-iiit-pet/images.tar.gz": "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
        "oxford-iiit-pet/annotations.tar.gz": "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
    },
)

FLOWERS102 = DatasetSpec(
    name="flowers102",
    title="Flowers-102",
    classes=tuple(Flowers102.classes),
    image_size=224,
    channels=3,
    mean=(0.4704, 0.3996, 0.3184),  # measured on squares of 128 px
    std=(0.2932, 0.2453, 0.2770),
    counts={"train": 1_020, "test": 6_149},  # the 1,020 official validation images are not used
    image_columns=("image", "img"),
    label_column="label",
    torchvision_class="Flowers102",
    torchvision_folder="flowers-102",
    archives={
        "flowers-102/102flowers.tgz": "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/102flowers.tgz",
        "flowers-102/imagelabels.mat": "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/imagelabels.mat",
        "flowers-102/setid.mat": "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/setid.mat",
    },
)

SPECS: dict[str, DatasetSpec] = {spec.name: spec for spec in (DIGITS, CIFAR10, CIFAR100, STL10, PETS, FLOWERS102)}


def check_classes(spec: DatasetSpec, names: Sequence[str], where: Path) -> None:
    """Compare class names found in ``where`` with the official ones, in all but case, spaces and signs."""
    for label, (name, expected) in enumerate(zip_longest(names, spec.classes, fillvalue="nothing")):
        if _letters(name) != _letters(expected):
            raise InputError(f"{where}: expected label {label} to mean {expected}, found {name}")


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def spec_from_record(record: Mapping[str, Any]) -> DatasetSpec:
    """The spec that ``dataclasses.asdict`` wrote, also where JSON turned its tuples into lists.

    With it a run's record is enough to use its network, when the folder of pictures that it learned from is gone.
    """
    try:
        spec = DatasetSpec(**{key: tuple(value) if isinstance(value, list) else value for key, value in record.items()})
    except TypeError as error:
        raise InputError(f"spec of a run: expected the fields of a data set: {error}") from None
    if not len(spec.mean) == len(spec.std) == spec.channels:
        raise InputError(f"spec of a run: expected mean and std of {spec.channels} channels, found {len(spec.mean)}")
    return spec

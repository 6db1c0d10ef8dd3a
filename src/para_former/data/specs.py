"""The one table of all data sets: classes, sizes, official counts, normalisation and what their files are called.

Facts only: finding and reading the files is ``sources.py``'s work.
"""

from dataclasses import dataclass

from para_former.errors import InputError


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
    """Height and width in pixels."""
    channels: int
    """1 grey, 3 RGB."""
    mean: tuple[float, ...]
    """Mean of each channel over the official train split, pixels in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation of each channel over all pixels of the official train split, pixels in [0, 1]."""
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

    @property
    def num_classes(self) -> int:
        return len(self.classes)


DIGITS = DatasetSpec(
    name="digits",
    title="Digits",
    classes=tuple("0123456789"),
    image_size=8,
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
    channels=3,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    counts={"train": 50_000, "test": 10_000},
    image_columns=("img", "image"),
    label_column="label",
    torchvision_class="CIFAR10",
    torchvision_folder="cifar-10-batches-py",
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
    channels=3,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    counts={"train": 50_000, "test": 10_000},
    image_columns=("img", "image"),
    label_column="fine_label",
    torchvision_class="CIFAR100",
    torchvision_folder="cifar-100-python",
)

SPECS: dict[str, DatasetSpec] = {spec.name: spec for spec in (DIGITS, CIFAR10, CIFAR100)}


def get_spec(name: str) -> DatasetSpec:
    """The spec called ``name``; ``InputError`` lists the known names."""
    if name not in SPECS:
        raise InputError(f"unknown data set {name!r}: expected one of {', '.join(SPECS)}")
    return SPECS[name]

"""What happens to a training image: one frozen description, and the two stages that carry it out on whole batches.

The order is resized crop, crop and flip, RandAugment, colour, on uint8; then, on normalised images, erasing and mixing.
Which numbers a sample gets is ``random_numbers.py``'s work; each operation reads the same columns of them whatever else
is turned on.
"""

from dataclasses import dataclass

from jaxtyping import Float32, UInt8
from torch import Tensor

from para_former.data.color import color_jitter
from para_former.data.geometry import crop_flip, erase, resized_crop
from para_former.data.mixing import mix
from para_former.data.rand_augment import BINS, randaugment
from para_former.errors import InputError

# Columns of a sample's random numbers.
CROP_FLIP, RESIZED_CROP, COLOR, ERASING, MIXING = slice(0, 3), slice(3, 7), slice(7, 10), slice(10, 15), slice(15, 19)
FIXED = 19  # RandAugment's follow, two for each round


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What happens to a training image; by default nothing."""

    padding: int = 0
    """Zero pixels added on every side before a random crop of the original size; 0 crops nothing."""
    flip: bool = False
    """Mirror left-right with probability 1/2."""
    crop_scale: tuple[float, float] = (1.0, 1.0)
    """Least and largest share of the area that a random resized crop keeps; (1, 1) keeps all."""
    randaugment_rounds: int = 0
    """Operations of RandAugment applied to each image, one after another: its N."""
    randaugment_magnitude: int = 9
    """Strength of every operation of RandAugment, 0..30: its M."""
    color_jitter: float = 0.0
    """Brightness, contrast and saturation change by up to this share."""
    erasing: float = 0.0
    """Probability that a random rectangle is erased."""
    mixup: float = 0.0
    """Alpha of mixup, 0 for none; with ``cutmix`` too, each image gets one of the two."""
    cutmix: float = 0.0
    """Alpha of CutMix, 0 for none."""

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise InputError(f"augmentation padding {self.padding}: expected 0 pixels or more")
        least, largest = self.crop_scale
        if not 0 < least <= largest <= 1:
            raise InputError(f"augmentation crop_scale {self.crop_scale}: expected 0 < least <= largest <= 1")
        if self.randaugment_rounds < 0:
            raise InputError(f"augmentation randaugment_rounds {self.randaugment_rounds}: expected 0 or more")
        if not 0 <= self.randaugment_magnitude < BINS:
            found = self.randaugment_magnitude
            raise InputError(f"augmentation randaugment_magnitude {found}: expected 0..{BINS - 1}")
        if not 0 <= self.erasing <= 1:
            raise InputError(f"augmentation erasing {self.erasing}: expected a probability in [0, 1]")
        for name in ("color_jitter", "mixup", "cutmix"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"augmentation {name} {getattr(self, name)}: expected 0 or more")

    @property
    def numbers(self) -> int:
        """How many random numbers a sample needs."""
        return FIXED + 2 * self.randaugment_rounds

    @property
    def mixes(self) -> bool:
        """Whether images meet one another, and targets become soft."""
        return self.mixup > 0 or self.cutmix > 0


def augment_pixels(
    images: UInt8[Tensor, "batch channels height width"],
    uniforms: Float32[Tensor, "batch {augment.numbers}"],
    augment: Augment,
) -> UInt8[Tensor, "batch channels height width"]:
    """What happens to an image alone, before it is normalised."""
    if augment.crop_scale != (1.0, 1.0):
        images = resized_crop(images, uniforms[:, RESIZED_CROP], augment.crop_scale)
    if augment.padding or augment.flip:
        images = crop_flip(images, uniforms[:, CROP_FLIP], augment.padding, augment.flip)
    if augment.randaugment_rounds:
        images = randaugment(images, uniforms[:, FIXED:].unflatten(1, (-1, 2)), augment.randaugment_magnitude)
    if augment.color_jitter:
        images = color_jitter(images, uniforms[:, COLOR], augment.color_jitter)
    return images


def augment_inputs(
    images: Float32[Tensor, "batch channels height width"],
    targets: Tensor,
    uniforms: Float32[Tensor, "batch {augment.numbers}"],
    augment: Augment,
) -> tuple[Float32[Tensor, "batch channels height width"], Tensor]:
    """What happens to normalised images and their targets, which are shares of classes where they are to be mixed."""
    if augment.erasing:
        images = erase(images, uniforms[:, ERASING], augment.erasing)
    if augment.mixes:
        images, targets = mix(images, targets, uniforms[:, MIXING], augment.mixup, augment.cutmix)
    return images, targets

"""Is background or diversity to blame for the classes that a network gets wrong? (Wang & Li 2024, Section 4.4.)

The images of a class are averaged down to 16 x 16 pixels with values in [0, 1]; x_i(p) is image i at p, a place and a
channel. Over the n images of the class, in squared units of a pixel in [0, 1],

    v(p)       = 1/(n - 1) sum_i (x_i(p) - mean_i x_i(p))^2
    within     = mean of v over all p
    background = mean of v over the frame, the outer 1/8 on each side
    foreground = mean of v over the middle half of each side
    shape      = within, after each image has lost its own mean colour

and Spearman's rank correlation sets them against the test accuracy of the class. The images are those that the network
learned from: what varies there is what it had to learn in spite of, and the test split is not read again. "Background"
is a place here, and v a variance of pixels: an object that moves counts as much as one that changes its kind.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64, UInt8
from torch import Tensor

from para_former.data import Split
from para_former.errors import InputError
from para_former.records import Record

SIZE = 16
EDGE, MIDDLE = SIZE // 8, slice(SIZE // 4, -SIZE // 4)
RESAMPLES = 2000
LEAST_CLASSES = 5


def diversity_study(split: Split, classes: Sequence[str], top1: Sequence[float | None]) -> Record:
    """The variances of each class in `split`, and their rank correlations with its test accuracy `top1`, percent.

    Classes of fewer than two images, or without a test image, are left out. `InputError` if fewer than 5 are left.
    """
    images = [split.source[split.indices[split.labels == label]] for label in range(len(classes))]
    kept = [label for label, accuracy in enumerate(top1) if accuracy is not None and len(images[label]) > 1]
    if len(kept) < LEAST_CLASSES:
        expected = f"at least {LEAST_CLASSES} classes with a test accuracy and two training images"
        raise InputError(f"diversity: expected {expected}, found {len(kept)}")
    figures = [{"images": float(len(images[label])), **class_variances(images[label])} for label in kept]
    measures = {name: [each[name] for each in figures] for name in figures[0]}
    accuracies = [top1[label] for label in kept]
    return {
        "images": len(split),
        "classes": [classes[label] for label in kept],
        "left_out": [name for label, name in enumerate(classes) if label not in kept],
        "top1": accuracies,
        "measures": measures,
        "resamples": RESAMPLES,
        "correlations": correlations(measures, accuracies),
    }


def class_variances(images: UInt8[np.ndarray, "count height width channels"]) -> dict[str, float]:
    """within, background, foreground and shape of the images of one class, as defined above."""
    pixels = features(images)
    frame = torch.ones(SIZE, SIZE, dtype=torch.bool)
    frame[EDGE:-EDGE, EDGE:-EDGE] = False
    variance = _variance(pixels)
    return {
        "within": variance.mean().item(),
        "background": variance[:, frame].mean().item(),
        "foreground": variance[:, MIDDLE, MIDDLE].mean().item(),
        "shape": _variance(pixels - pixels.mean((2, 3), keepdim=True)).mean().item(),
    }


def features(images: UInt8[np.ndarray, "count height width channels"]) -> Float64[Tensor, "count channels size size"]:
    """16 x 16 pixels in [0, 1], each the mean of what it covers."""
    pixels = torch.tensor(images).permute(0, 3, 1, 2).float() / 255
    return F.interpolate(pixels, size=(SIZE, SIZE), mode="area").double()


def correlations(measures: Mapping[str, Sequence[float]], top1: Sequence[float]) -> list[Record]:
    """Spearman's rho of every measure with accuracy, of background with foreground, and of each with the other fixed.

    `low` and `high`: 2.5 and 97.5 % of rho over classes drawn anew with replacement (percentile bootstrap). With c
    `fixed` it is the partial correlation of ranks, (ab - ac bc) / sqrt((1 - ac^2) (1 - bc^2)). What is the same for all
    classes has rho 0.
    """
    from scipy.stats import rankdata  # slow to import, and needed here alone

    draws = np.random.default_rng(0).integers(0, len(top1), (RESAMPLES, len(top1)))
    draws = np.concatenate([np.arange(len(top1))[None], draws])  # first the classes themselves
    ranks = {name: rankdata(np.array(values)[draws], axis=1) for name, values in {**measures, "top1": top1}.items()}

    def rho(one: str, other: str, fixed: str | None = None) -> Float64[np.ndarray, " draws"]:
        plain = _pearson(ranks[one], ranks[other])
        if fixed is None:
            return plain
        with_one, with_other = rho(one, fixed), rho(other, fixed)
        return _ratio(plain - with_one * with_other, np.sqrt((1 - with_one**2) * (1 - with_other**2)))

    asked = [(name, "top1", None) for name in measures]
    asked += [("background", "foreground", None)]
    asked += [("background", "top1", "foreground"), ("foreground", "top1", "background")]
    found = [(rho(*each), *each) for each in asked]
    return [
        {"of": one, "with": other, "fixed": fixed, "rho": float(values[0])}
        | dict(zip(("low", "high"), np.percentile(values[1:], [2.5, 97.5]).tolist(), strict=True))
        for values, one, other, fixed in found
    ]


def _variance(pixels: Float64[Tensor, "count channels size size"]) -> Float64[Tensor, "channels size size"]:
    return (pixels - pixels[0]).var(0)  # from the first image, so that what never changes has exactly 0


def _pearson(
    one: Float64[np.ndarray, "draws n"], other: Float64[np.ndarray, "draws n"]
) -> Float64[np.ndarray, " draws"]:
    one, other = (ranks - ranks.mean(1, keepdims=True) for ranks in (one, other))
    return _ratio((one * other).sum(1), np.sqrt((one**2).sum(1) * (other**2).sum(1)))


def _ratio(above: Float64[np.ndarray, " draws"], below: Float64[np.ndarray, " draws"]) -> Float64[np.ndarray, " draws"]:
    """above / below; 0 where nothing is left to correlate."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-9).clip(-1, 1)

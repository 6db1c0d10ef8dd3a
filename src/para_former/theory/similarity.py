r"""Figure 6 measured: do correlated images get similar parameters (alpha, W, theta)?

For a slot s of the form (`decomposition.py`) the similarity of images a and b is the cosine of what moves,

    sim(a, b) = <s(a) - m, s(b) - m> / (|s(a) - m| |s(b) - m|),        m = mean of s over the images of the data set

since a part of a slot is the same for every image (nearly all of c, a third or less of a deep theta), and a cosine of
whole slots would mostly show how large that part is. Branches are joined into one vector. "Similar" needs something to
compare with: other pairs (another class, noise), the same figure in pixels, and a null distribution, in which labels
are shuffled over the images. Whether a pair is of one class is told from its similarity with probability AUC; 0.5 is
chance. That fine-tuning works *because* of similar parameters does not follow from any of these figures.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.para_former import Images
from para_former.records import Record
from para_former.theory.coefficients import coefficients
from para_former.theory.decomposition import decompose
from para_former.theory.probes import SlotValues, moving_share, slot_values

SHUFFLES = 200
BINS = 6
STILL = 1e-20
"""moving share below which a slot that could move does not (an untrained bias of zeros)"""


@torch.no_grad()
def similarity_study(
    model: ParaFormer, images: Images, twins: Images, noise: Images, labels: Int64[Tensor, " count"], probes: int = 4
) -> Record:
    """Similarities of `images` to each other, to their augmented `twins` and to `noise`, slot by slot.

    The first slot is `pixels`, the yardstick; `A` are the attention weights, which the scales of the norms and the
    sigmas join in moving the rest.
    Errors: InputError where no two images are of one class, or all are.
    """
    count = len(images)
    together = torch.cat([images, twins, noise])
    labels = labels.cpu().numpy()
    if not 1 < len(set(labels)) < count:
        found = f"{len(set(labels))} classes among {count} images"
        raise InputError(f"similarity: expected two images of one class and one of another, found {found}")
    pixels = SlotValues("pixels", 0, True, together.flatten(1)[None])
    by_pixels = cosines(pixels.values, count)
    generator = np.random.default_rng(0)
    shuffles = [generator.permutation(labels) for _ in range(SHUFFLES)]
    slots = [_slot(pixels, count, labels, shuffles, by_pixels)]
    for slot in (*_attention(model, together), *slot_values(decompose(model, together), probes)):
        if slot.varies and moving_share(slot.values[:, :count]).max() > STILL:
            slots.append(_slot(slot, count, labels, shuffles, by_pixels))
    return {"images": count, "noise_images": len(noise), "probes": probes, "shuffles": SHUFFLES, "slots": slots}


def cosines(values: Float[Tensor, "branches batch numbers"], count: int) -> Float[Tensor, "count batch"]:
    """sim of each of the first `count` images with every image; the mean that is taken away is that of the first."""
    moved = values - values[:, :count].mean(1, keepdim=True)
    products = sum(branch[:count] @ branch.T for branch in moved)
    sizes = moved.square().sum((0, 2)).sqrt().clamp(min=torch.finfo(values.dtype).tiny)
    return (products / sizes[:count, None] / sizes).cpu()


def auc(ranks: Float[np.ndarray, " pairs"], positive: Bool[np.ndarray, " pairs"]) -> float:
    """Probability that a random positive pair ranks above a random other one (Mann & Whitney 1947)."""
    count = positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(ranks) - count)))


def _attention(model: ParaFormer, images: Images) -> Iterator[SlotValues]:
    for module, level in enumerate(coefficients(model, images).levels, start=1):
        yield SlotValues("A", module, True, level.attention.flatten(2))


def _slot(slot: SlotValues, count: int, labels: np.ndarray, shuffles: list[np.ndarray], by_pixels: Tensor) -> Record:
    """Mean and quartiles for each kind of pair, the AUC with the range of its null, and the course against pixels."""
    from scipy.stats import rankdata  # slow to import, and needed here alone

    similar = cosines(slot.values, count)
    rows, columns = np.triu_indices(count, 1)
    pairs, pixel_pairs = (found[:, :count].numpy()[rows, columns] for found in (similar, by_pixels))
    same = labels[rows] == labels[columns]
    ranks = rankdata(pairs)
    null = [auc(ranks, shuffled[rows] == shuffled[columns]) for shuffled in shuffles]
    kinds = {
        "twin": similar[:, count : 2 * count].diagonal().numpy(),
        "same class": pairs[same],
        "other class": pairs[~same],
        "noise": similar[:, 2 * count :].flatten().numpy(),
    }
    return {
        "slot": slot.name,
        "module": slot.module,
        "pairs": {kind: np.percentile(values, [25, 50, 75]).tolist() for kind, values in kinds.items()},
        "auc": auc(ranks, same),
        "auc_null": np.percentile(null, [2.5, 97.5]).tolist(),
        "course": _course(pixel_pairs, pairs),
    }


def _course(pixel_pairs: np.ndarray, pairs: np.ndarray) -> list[list[float]]:
    """[pixel similarity, slot similarity]: means over bins of equally many pairs."""
    order = np.argsort(pixel_pairs)
    return [[float(pixel_pairs[part].mean()), float(pairs[part].mean())] for part in np.array_split(order, BINS)]

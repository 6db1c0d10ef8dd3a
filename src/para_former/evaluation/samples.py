"""A few test images of the classes a network finds easiest, middling and hardest, small enough to stand in a record."""

import base64
import io

import numpy as np
from PIL import Image

from para_former.data import Split

LARGEST_SIDE = 48  # pixels


def sample_images(split: Split, class_names: tuple[str, ...], accuracies: list[float | None], count: int = 4) -> dict:
    """Class name -> up to `count` base64 PNGs, for the best, the median and the worst class of `accuracies`."""
    ranked = sorted((k for k, a in enumerate(accuracies) if a is not None), key=lambda k: -accuracies[k])
    chosen = dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]])
    return {
        class_names[k]: [_png(split.source[split.indices[row]]) for row in np.flatnonzero(split.labels == k)[:count]]
        for k in chosen
    }


def _png(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()

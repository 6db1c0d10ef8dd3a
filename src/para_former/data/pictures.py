"""One image file of any size as the pixels a network of a data set expects. Reading whole data sets is `sources.py`."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from para_former.data.specs import DatasetSpec
from para_former.errors import InputError


def read_picture(path: Path, spec: DatasetSpec) -> UInt8[np.ndarray, "height width channels"]:
    """Turned as its EXIF entry says, grey or RGB as the data set is, scaled and cut at the centre to its size."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if spec.channels == 1 else "RGB")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected an image") from None
    except Exception as error:  # on broken bytes Pillow raises whatever its decoder happens to run into
        raise InputError(f"{path}: expected an image, found {type(error).__name__}: {error}") from None
    fitted = ImageOps.fit(upright, (spec.image_size, spec.image_size), Image.Resampling.BICUBIC)
    return np.asarray(fitted).reshape(spec.image_size, spec.image_size, spec.channels)

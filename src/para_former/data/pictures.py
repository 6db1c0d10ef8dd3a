"""Encoded pictures of any kind and size as the pixels of a data set: the one way for files, archives and single images.

Which pictures belong to a data set is ``sources.py``'s business; docs/data.md says what becomes of each odd format.
"""

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import track

from para_former.data.specs import DatasetSpec
from para_former.errors import InputError, first_few

Images = UInt8[np.ndarray, "count height width channels"]
Labels = Int64[np.ndarray, " count"]
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", "AVIF")
"""what is looked for in a file whatever its name; not EPS, for which Pillow runs Ghostscript"""


class Picture(NamedTuple):
    """A picture not yet decoded."""

    name: str
    """Where it is, for messages."""
    file: Path | bytes | None
    """A file, or its content; None where it is missing."""
    label: int


def read_picture(path: Path, spec: DatasetSpec) -> UInt8[np.ndarray, "height width channels"]:
    """The picture as ``spec``'s cache would store it: at ``spec.stored_size``, grey or RGB as the data set is."""
    try:
        return _decode(path, spec)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_pictures(
    pictures: Iterable[Picture], count: int, spec: DatasetSpec, split: str, folder: Path, skipped: list[str] | None
) -> tuple[Images, Labels]:
    """``count`` pictures and their labels; the unreadable ones are left out where ``skipped`` can take their names.

    A data set whose files hold one size counts every other size as unreadable. ``InputError`` names up to five of the
    unreadable pictures, with their number. Progress is shown on stderr where that is a terminal.
    """
    images = np.empty((count, spec.stored_size, spec.stored_size, spec.channels), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int64)
    unreadable: list[tuple[str, str]] = []  # names and reasons
    console = Console(stderr=True)
    silent = not console.is_terminal
    what = f"{spec.title} {split}"
    row = 0
    for picture in track(pictures, f"decoding {what}", count, console=console, transient=True, disable=silent):
        try:
            images[row] = _decode(picture.file, spec, spec.source_size)
        except InputError as error:
            unreadable.append((picture.name, str(error)))
            continue
        labels[row] = picture.label
        row += 1
    if unreadable and skipped is None:
        named = first_few([f"{name}: {reason}" for name, reason in unreadable])
        raise InputError(f"{folder}: {what}: {len(unreadable)} of {count} pictures cannot be read: {named}")
    if skipped is not None:
        skipped.extend(name for name, _ in unreadable)
    return images[:row], labels[:row]


def _decode(
    file: Path | bytes | None, spec: DatasetSpec, size: int | None = None
) -> UInt8[np.ndarray, "height width channels"]:
    """Upright, grey or RGB, scaled and cut at the centre to the stored size; ``size`` is the only one accepted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow says about metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if isinstance(file, Path) and file.exists() and not file.is_file():  # opening a pipe would wait for ever
                raise InputError("expected an image, found no regular file")
            with Image.open(file if isinstance(file, Path) else io.BytesIO(file or b""), formats=FORMATS) as image:
                if size and image.size != (size, size):
                    raise InputError(f"expected {size}x{size} pixels, found {image.size[0]}x{image.size[1]}")
                plain = _plain(ImageOps.exif_transpose(image)).convert("L" if spec.channels == 1 else "RGB")
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("expected an image, found no such file") from None
    except Image.UnidentifiedImageError:
        raise InputError("expected an image, found a file of another kind") from None
    except Exception as error:  # on broken bytes Pillow raises whatever its decoder happens to run into
        raise InputError(f"expected an image, found {type(error).__name__}: {' '.join(str(error).split())}") from error
    fitted = ImageOps.fit(plain, (spec.stored_size, spec.stored_size), Image.Resampling.BICUBIC)
    return np.array(fitted).reshape(spec.stored_size, spec.stored_size, spec.channels)


def _plain(image: Image.Image) -> Image.Image:
    """8 bits for each channel, opaque: 16-bit grey is divided by 257, transparency shows white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"expected grey values of 0..65535, found {values.min()}..{values.max()}")
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode == "F":
        raise InputError("expected 8 or 16 bits for each channel, found floating point")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image

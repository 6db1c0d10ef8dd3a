"""Every odd format of a picture becomes the documented pixels, in a data set as in a single file."""

import io
import os
import struct
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from para_former.data import SPECS, read_picture
from para_former.data.pictures import Picture, read_pictures
from para_former.errors import InputError

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
ANY_SIZE = replace(SPECS["flowers102"], image_size=4)
GREY = replace(SPECS["digits"], source_size=4)


@pytest.fixture
def write(tmp_path):
    """Save an image and return its path."""

    def write(image, suffix="png", **options):
        path = tmp_path / f"picture.{suffix}"
        image.save(path, **options)
        return path

    return write


def assert_all(path, color, tolerance=0, spec=ANY_SIZE):
    pixels = read_picture(path, spec)
    assert pixels.shape == (4, 4, spec.channels) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - np.array(color)).max() <= tolerance, pixels


def refused(path, *words):
    with pytest.raises(InputError) as caught:
        read_picture(path, ANY_SIZE)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected") and "\n" not in message
    for word in words:
        assert word in message, message


def test_scaling_cuts_the_middle_out(write):
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 10:90] = RED  # the filter looks over the cuts at 30 and 70 by two of the pixels it makes
    assert_all(write(Image.fromarray(wide)), RED)
    assert_all(write(Image.fromarray(wide.transpose(1, 0, 2))), RED)


def test_scaling_is_pillows_bicubic_with_antialiasing(write):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8))
    middle = image.crop((0, 15, 60, 75)).resize((4, 4), Image.Resampling.BICUBIC)
    pixels = read_picture(write(image), ANY_SIZE).astype(int)
    assert np.abs(pixels - np.asarray(middle))[1:-1].max() <= 1  # the rows at the cut look over it


def test_a_picture_of_the_right_size_keeps_its_pixels(write):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    read = read_picture(write(Image.fromarray(pixels)), ANY_SIZE)
    np.testing.assert_array_equal(read, pixels)
    assert read.flags.writeable  # else torch warns


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(write, orientation):
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4, :4], upright[:4, 4:], upright[4:, :4] = RED, GREEN, BLUE
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored, exif = Image.fromarray(upright), Image.Exif()
    for step in undo[orientation]:
        stored = stored.transpose(step)
    exif[0x0112] = orientation
    pixels = read_picture(write(stored, exif=exif), replace(ANY_SIZE, image_size=8))
    np.testing.assert_array_equal(pixels, upright)


def test_unreadable_exif_is_passed_over(write):
    assert_all(write(Image.new("RGB", (8, 8), RED), exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff"), RED)


def test_cmyk(write):
    assert_all(write(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "jpg", quality=95), RED, tolerance=3)
    assert_all(write(Image.new("CMYK", (9, 9), (0, 0, 0, 255)), "tif"), BLACK)


@pytest.mark.parametrize("value, level", [(0, 0), (25_700, 100), (25_828, 100), (25_829, 101), (65_535, 255)])
@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bit_grey_is_divided_by_257(write, value, level, suffix):
    path = write(Image.fromarray(np.full((5, 5), value, np.uint16)), suffix)
    assert_all(path, [level] * 3)
    assert_all(path, level, spec=GREY)


def test_16_bit_grey_of_the_other_byte_order(write):
    image = Image.fromarray(np.full((5, 5), 257 * 3, ">u2"))
    assert image.mode == "I;16B"
    assert_all(write(image, "tif"), [3] * 3)


def test_32_bit_grey_of_another_range_and_floating_point_are_refused(write):
    refused(write(Image.fromarray(np.full((5, 5), 70_000, np.int32)), "tif"), "grey values of 0..65535, found 70000")
    refused(write(Image.fromarray(np.full((5, 5), -1, np.int32)), "tif"), "found -1..-1")
    refused(write(Image.fromarray(np.full((5, 5), 0.5, np.float32)), "tif"), "8 or 16 bits", "floating point")


def test_palette(write):
    image = Image.new("P", (5, 5), 1)
    image.putpalette([*BLACK, *GREEN])
    assert_all(write(image), GREEN)
    assert_all(write(image, transparency=0), GREEN)  # only black is transparent
    assert_all(write(image, transparency=1), WHITE)
    assert_all(write(image, transparency=bytes([255, 128])), (127, 255, 127), tolerance=1)


@pytest.mark.parametrize(
    "mode, color, expected",
    [
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 0), WHITE),
        ("RGBA", (*BLACK, 51), (204, 204, 204)),
        ("LA", (0, 0), WHITE),
        ("LA", (0, 255), BLACK),
    ],
)
def test_transparency_shows_white(write, mode, color, expected):
    path = write(Image.new(mode, (5, 5), color))
    assert_all(path, expected, tolerance=1)
    assert_all(path, ImageOps.grayscale(Image.new("RGB", (1, 1), expected)).getpixel((0, 0)), tolerance=1, spec=GREY)


def test_a_transparent_color(write):
    assert_all(write(Image.new("RGB", (5, 5), BLUE), transparency=BLUE), WHITE)
    assert_all(write(Image.new("L", (5, 5), 7), transparency=7), WHITE)


def test_grey_and_bilevel(write):
    assert_all(write(Image.new("L", (5, 5), 99)), [99] * 3)
    assert_all(write(Image.new("1", (5, 5), 1)), WHITE)


@pytest.mark.parametrize("suffix, options", [("gif", {}), ("webp", {"lossless": True}), ("png", {}), ("tif", {})])
def test_of_animated_pictures_and_pages_the_first_counts(write, suffix, options):
    frames = [Image.new("RGB", (6, 6), color) for color in (RED, GREEN, BLUE)]
    path = write(frames[0], suffix, save_all=True, append_images=frames[1:], **options)
    with Image.open(path) as image:
        assert image.n_frames == 3
    assert_all(path, RED)


def test_one_pixel(write):
    assert_all(write(Image.new("RGB", (1, 1), GREEN)), GREEN)


@pytest.mark.parametrize("size", [(20_000, 3), (3, 20_000), (20_000, 1)])
def test_20_000_pixels_of_one_side(write, size):
    assert_all(write(Image.new("L", size, 50)), [50] * 3)


def png_header(width, height):
    """A PNG that ends after it has said how large it is."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000)], ids=["warning", "error"])
def test_decompression_bombs_are_refused(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a user's setting must not open the gate
        refused(path, "DecompressionBomb", f"{size[0] * size[1]} pixels")


def test_cut_off_text_empty_missing_and_folder(write, tmp_path):
    path = write(Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)))
    path.write_bytes(path.read_bytes()[:2000])
    refused(path, "truncated")
    path.write_bytes(b"this is text")
    refused(path, "a file of another kind")
    path.write_bytes(b"")
    refused(path, "a file of another kind")
    path.unlink()
    refused(path, "no such file")
    refused(tmp_path, "no regular file")
    os.mkfifo(path)
    refused(path, "no regular file")  # and nobody waits for a writer


def test_a_file_in_postscript_runs_no_program(tmp_path, monkeypatch):
    """Whatever its name says: Pillow would have Ghostscript draw it."""
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "picture.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    refused(tmp_path / "picture.png", "a file of another kind")
    assert not (tmp_path / "ran").exists()


def encode(color, size):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "png")
    return buffer.getvalue()


PICTURES = [
    Picture("first", encode(RED, (9, 5)), 3),
    Picture("broken", b"text", 4),
    Picture("second", encode(GREEN, (4, 4)), 5),
    Picture("missing", None, 6),
]


def test_pictures_that_cannot_be_read_are_named_and_counted(tmp_path):
    with pytest.raises(InputError) as caught:
        read_pictures(PICTURES, 4, ANY_SIZE, "train", tmp_path, None)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: Flowers-102 train: 2 of 4 pictures cannot be read: broken: expected")
    assert "; missing: expected" in message


def test_of_many_only_five_are_named(tmp_path):
    pictures = [Picture(f"picture {number}", b"", 0) for number in range(8)]
    with pytest.raises(InputError, match="8 of 8 pictures .* picture 4: [^;]*; and 3 more$"):
        read_pictures(pictures, 8, ANY_SIZE, "train", tmp_path, None)


def test_or_left_out_with_their_names(tmp_path):
    skipped = ["earlier"]
    images, labels = read_pictures(PICTURES, 4, ANY_SIZE, "train", tmp_path, skipped)
    assert skipped == ["earlier", "broken", "missing"] and labels.tolist() == [3, 5]
    assert (images[0] == RED).all() and (images[1] == GREEN).all()


def test_other_sizes_are_unreadable_where_all_files_have_one(tmp_path):
    skipped = []
    images, labels = read_pictures(PICTURES, 4, replace(ANY_SIZE, source_size=4), "train", tmp_path, skipped)
    assert skipped == ["first", "broken", "missing"] and labels.tolist() == [5]

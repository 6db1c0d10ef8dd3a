"""Crops, flips and erased rectangles equal torchvision's with the same parameters, and all parameters occur."""

import numpy as np
import torch
import torchvision.transforms.v2.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import crop_flip, erase, resized_crop, uniform
from para_former.data.geometry import CROP_RATIO, boxes

LARGEST = 1 - 2**-24
NUMBER = st.sampled_from([0.0, 0.5, LARGEST]) | st.integers(0, 2**24 - 1).map(lambda bits: bits / 2**24)
SHAPE = st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))


def draw_uniforms(data, batch, count):
    rows = st.lists(st.lists(NUMBER, min_size=count, max_size=count), min_size=batch, max_size=batch)
    return torch.tensor(data.draw(rows))


def random_images(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def one_by_one(images, uniforms, padding, flip):
    """torchvision's own operations, image by image."""
    results = []
    for image, (top, left, mirror) in zip(images, uniforms.tolist(), strict=True):
        top, left = int(top * (2 * padding + 1)), int(left * (2 * padding + 1))
        image = TF.crop(TF.pad(image, [padding]), top, left, *image.shape[1:])
        results.append(TF.hflip(image) if flip and mirror < 0.5 else image)
    return torch.stack(results)


@given(
    shape=SHAPE,
    padding=st.integers(0, 12),
    flip=st.booleans(),
    data=st.data(),
)
@settings(deadline=None)
def test_crop_flip_equals_torchvision_image_by_image(shape, padding, flip, data):
    uniforms = draw_uniforms(data, shape[0], 3)
    images = random_images(*shape)
    before = images.clone()
    result = crop_flip(images, uniforms, padding, flip)
    torch.testing.assert_close(result, one_by_one(images, uniforms, padding, flip), rtol=0, atol=0)
    torch.testing.assert_close(images, before, rtol=0, atol=0)
    assert result.is_contiguous()


def test_every_crop_and_both_flips_occur_equally_often():
    image = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    image[0, 0, 2, 1] = 1  # its place after the crop tells which crop and flip happened
    uniforms = uniform(0, 0, torch.arange(18_000), 3)
    places = crop_flip(image.expand(18_000, 1, 5, 5), uniforms, padding=1, flip=True).flatten(1).argmax(1)
    counts = places.bincount(minlength=25).view(5, 5)
    assert counts.sum(1)[[0, 4]].eq(0).all()
    once, twice = counts[1:4, [0, 1, 3, 4]], counts[1:4, 2]  # column 2 is reached unflipped and flipped
    assert ((once - 1000).abs() < 160).all() and ((twice - 2000).abs() < 230).all()  # five deviations


SCALE = st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(lambda ends: (min(ends), max(ends)))


@given(shape=SHAPE, scale=SCALE, data=st.data())
@settings(deadline=None)
def test_boxes_lie_inside_and_have_the_area_and_ratio_where_these_fit(shape, scale, data):
    height, width = 10 * shape[2], 10 * shape[3]
    uniforms = draw_uniforms(data, shape[0], 4)
    found = torch.stack(boxes(uniforms, height, width, scale, CROP_RATIO), dim=1)
    for (u_area, u_ratio, *_), (top, left, rows, columns) in zip(uniforms.tolist(), found.tolist(), strict=True):
        assert 0 <= top <= top + rows <= height and 0 <= left <= left + columns <= width and rows and columns
        area = (scale[0] + u_area * (scale[1] - scale[0])) * height * width
        ratio = CROP_RATIO[0] * (CROP_RATIO[1] / CROP_RATIO[0]) ** u_ratio
        assert abs(rows - min(max((area / ratio) ** 0.5, 1), height)) < 0.501
        assert abs(columns - min(max((area * ratio) ** 0.5, 1), width)) < 0.501


def test_a_box_reaches_every_place_where_it_fits():
    top, left, rows, columns = boxes(uniform(0, 0, torch.arange(2000), 4), 4, 6, (0.2, 0.2), (1.0, 1.0))
    assert set(rows.tolist()) == set(columns.tolist()) == {2}
    assert set(zip(top.tolist(), left.tolist(), strict=True)) == {(t, s) for t in range(3) for s in range(5)}


@given(shape=SHAPE, scale=SCALE, data=st.data())
@settings(deadline=None)
def test_resized_crop_is_within_one_level_of_torchvision(shape, scale, data):
    uniforms, images = draw_uniforms(data, shape[0], 4), random_images(*shape)
    result = resized_crop(images, uniforms, scale)
    found = torch.stack(boxes(uniforms, *shape[2:], scale, CROP_RATIO), dim=1)
    for row, (top, left, rows, columns) in enumerate(found.tolist()):
        expected = TF.resized_crop(images[row].float(), top, left, rows, columns, list(shape[2:]), antialias=False)
        assert (result[row] - expected).abs().max() < 0.52  # rounding, and float32's places in the image


@given(shape=SHAPE, probability=st.floats(0, 1, width=32), data=st.data())
@settings(deadline=None)
def test_erase_sets_a_rectangle_to_zero_with_the_probability(shape, probability, data):
    images = torch.ones(shape)
    uniforms = draw_uniforms(data, shape[0], 5)
    erased = erase(images, uniforms, probability)
    found = torch.stack(boxes(uniforms[:, 1:], *shape[2:], (0.02, 0.33), (0.3, 3.3)), dim=1)
    for result, chance, (top, left, rows, columns) in zip(erased, uniforms[:, 0], found.tolist(), strict=True):
        expected = torch.ones(shape[1:])
        if chance < probability:
            expected = TF.erase(expected, top, left, rows, columns, torch.zeros(()))
        torch.testing.assert_close(result, expected, rtol=0, atol=0)

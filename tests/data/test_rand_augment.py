"""Every operation, magnitude and sign gives exactly torchvision's pixels, and each image gets its own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from para_former.data import randaugment, uniform
from para_former.data.rand_augment import COUNT, operations

NAMES = list(operations(0, 32, 32))
PLUS, MINUS = 0.5, 0.499  # numbers that choose a sign
SEEDS = {PLUS: 1, MINUS: 0}  # with which torchvision draws it


class Chosen(v2.RandAugment):
    """torchvision's RandAugment with the operation chosen beforehand; the only number it still draws is the sign."""

    def __init__(self, name, magnitude):
        super().__init__(num_ops=1, magnitude=magnitude)
        self.name = name

    def _get_random_item(self, table):
        return self.name, table[self.name]

    def apply(self, image, sign):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEEDS[sign])
            return self(image)


def number(name):
    """A number that chooses the operation."""
    return (NAMES.index(name) + 0.5) / COUNT


def random_images(*shape):
    """Noise, darker in each image than in the one before, so that histograms differ."""
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return torch.from_numpy(images) // torch.arange(1, shape[0] + 1)[:, None, None, None].to(torch.uint8)


def test_the_operations_are_torchvisions():
    assert NAMES == list(v2.RandAugment._AUGMENTATION_SPACE) and len(NAMES) == COUNT


def test_the_seeds_draw_the_signs():
    for sign, seed in SEEDS.items():
        assert (torch.rand((), generator=torch.Generator().manual_seed(seed)) <= 0.5) == (sign == MINUS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (3, 1, 9, 14), (2, 3, 1, 1)], ids=str)
def test_an_operation_equals_torchvisions(name, shape):
    images = random_images(*shape)
    for magnitude in (0, 1, 5, 9, 14, 22, 30):
        for sign in (PLUS, MINUS):
            result = randaugment(images, torch.tensor([[[number(name), sign]]] * shape[0]), magnitude)
            oracle = Chosen(name, magnitude)
            for row, image in enumerate(images):
                torch.testing.assert_close(result[row], oracle.apply(image, sign), rtol=0, atol=0)


CHOICES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([PLUS, MINUS])), min_size=2, max_size=2)


@given(choices=st.lists(CHOICES, min_size=1, max_size=12), magnitude=st.integers(0, 30))
@settings(deadline=None, max_examples=40)
def test_each_image_gets_its_operations_one_after_another(choices, magnitude):
    images = random_images(len(choices), 3, 8, 8)
    before = images.clone()
    uniforms = torch.tensor([[(number(name), sign) for name, sign in rounds] for rounds in choices])
    result = randaugment(images, uniforms, magnitude)
    for image, rounds, own in zip(images, choices, result, strict=True):
        for name, sign in rounds:
            image = Chosen(name, magnitude).apply(image, sign)
        torch.testing.assert_close(own, image, rtol=0, atol=0)
    torch.testing.assert_close(images, before, rtol=0, atol=0)


def test_every_operation_and_sign_occurs_equally_often():
    image = random_images(1, 3, 12, 12)
    count = 28_000
    results = randaugment(image.expand(count, -1, -1, -1), uniform(0, 0, torch.arange(count), 2)[:, None], 14)
    for name in ("Rotate", "Brightness", "Sharpness"):  # of those whose results no other operation gives
        for sign in (PLUS, MINUS):
            same = (results == Chosen(name, 14).apply(image, sign)).flatten(1).all(1).sum()
            assert abs(same - count / 28) < 160  # five deviations of 31


def test_numbers_at_the_ends_choose_an_operation():
    ends = torch.tensor([[[0.0, 0.0]], [[1 - 2**-24, 1 - 2**-24]]])
    assert randaugment(random_images(2, 3, 8, 8), ends, 30).shape == (2, 3, 8, 8)


@given(rows=st.lists(st.integers(0, 39), min_size=1, max_size=12))
@settings(deadline=None, max_examples=20)
def test_an_image_ignores_the_others(rows):
    images, uniforms = random_images(40, 3, 16, 16), uniform(0, 0, torch.arange(40), 4).view(40, 2, 2)
    whole = randaugment(images, uniforms, 14)
    torch.testing.assert_close(randaugment(images[rows], uniforms[rows], 14), whole[rows], rtol=0, atol=0)

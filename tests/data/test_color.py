"""Each of the three colour changes is within one level of torchvision's, with factors in the stated range."""

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import color_jitter

STEPS = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation]


def images(channels, batch=4):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch, channels, 7, 5), dtype=np.uint8))


@given(step=st.sampled_from(range(3)), number=st.integers(0, 2**24 - 1), strength=st.floats(0.01, 1))
@settings(deadline=None)
def test_each_step_is_within_one_level_of_torchvision(step, number, strength):
    uniforms = torch.full((4, 3), 0.5)  # factor 1, which changes nothing
    uniforms[:, step] = number / 2**24
    factor = 1 - strength + 2 * strength * number / 2**24
    result, expected = color_jitter(images(3), uniforms, strength), STEPS[step](images(3), factor)
    assert (result.int() - expected.int()).abs().max() <= 1


def test_factors_of_strengths_above_1_start_at_0():
    assert color_jitter(images(3), torch.tensor([[0.0, 0.5, 0.5]]).expand(4, 3), 2.0).eq(0).all()


def test_each_sample_has_its_own_factors():
    uniforms = torch.linspace(0, 0.99, 12).view(4, 3)
    together = color_jitter(images(3), uniforms, 0.8)
    for row in range(4):
        alone = color_jitter(images(3)[row, None], uniforms[row, None], 0.8)
        torch.testing.assert_close(together[row, None], alone, rtol=0, atol=0)


@pytest.mark.parametrize("saturation", [0.0, 0.9])
def test_grey_images_have_no_saturation(saturation):
    uniforms = torch.tensor([[0.5, 0.5, saturation]]).expand(4, 3)
    torch.testing.assert_close(color_jitter(images(1), uniforms, 0.5), images(1), rtol=0, atol=0)

"""What a network sees equals torchvision's normalisation and resizing."""

from dataclasses import replace

import pytest
import torch
import torchvision.transforms.v2.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import SPECS, network_input, normalize


@given(channels=st.integers(1, 3), data=st.data())
@settings(deadline=None)
def test_normalize_equals_torchvision(channels, data):
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, channels, 16, 16)
    moments = st.lists(st.floats(0.0625, 1), min_size=channels, max_size=channels)
    mean, std = data.draw(moments), data.draw(moments)
    expected = TF.normalize(TF.to_dtype(images, torch.float32, scale=True), mean, std)
    torch.testing.assert_close(normalize(images, mean, std), expected, rtol=1e-5, atol=1e-5)
    as_tensors = normalize(images, torch.tensor(mean), torch.tensor(std))
    torch.testing.assert_close(as_tensors, normalize(images, mean, std), rtol=0, atol=0)


@pytest.mark.parametrize("size", [5, 32, 64, 70])
def test_network_input_has_the_networks_size(size):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    spec = replace(SPECS["cifar10"], image_size=size)
    expected = TF.normalize(TF.resize(images.float() / 255, [size, size], antialias=True), spec.mean, spec.std)
    torch.testing.assert_close(network_input(images, spec), expected, rtol=1e-4, atol=1e-4)

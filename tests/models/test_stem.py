"""A convolutional stem gives the tokens of the same grid, from a neighbourhood of each patch, at the cost it states."""

import math

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from para_former import InputError, ModelConfig, create_model
from para_former.models import from_timm, to_timm
from para_former.models.stem import ConvStem, convolutions
from tests.networks import images_for, small_config, small_network

sizes = st.builds(
    lambda halvings, rows, columns, width, channels: ModelConfig(
        stem="conv",
        patch_size=2**halvings,
        image_size=(rows * 2**halvings, columns * 2**halvings),
        width=width,
        heads=1,
        in_channels=channels,
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 33),
    st.integers(1, 4),
)


@given(sizes)
def test_convolutions_follow_one_another_from_the_image_to_the_grid(config):
    layers, grid, channels = convolutions(config), config.image_shape, config.in_channels
    for layer in layers:
        assert layer.inputs == channels >= 1
        assert layer.grid == tuple(side // layer.stride for side in grid)
        grid, channels = layer.grid, layer.outputs
    assert grid == config.grid and channels == math.ceil(2 * config.width / 3)


@settings(max_examples=30)
@given(sizes)
def test_the_stem_gives_a_token_for_every_patch(config):
    stem = ConvStem(config).eval()
    images = torch.randn(2, config.in_channels, *config.image_shape)
    assert stem(images).shape == (2, config.grid[0] * config.grid[1], config.width)


@pytest.mark.parametrize("patch", [2, 4, 8])
@pytest.mark.parametrize("width", [24, 192])
def test_it_costs_what_its_formula_says(patch, width, no_shape_checks):
    config = ModelConfig(stem="conv", patch_size=patch, image_size=4 * patch, width=width, heads=1)
    k, patches, channels = patch.bit_length() - 1, 16, 2 * width // 3
    formula = patches * channels**2 * (13.5 * k - 3) + 4.5 * patches * channels * 3 * 2**k
    with FlopCounterMode(display=False) as counter:
        ConvStem(config).eval()(torch.zeros(1, 3, 4 * patch, 4 * patch))
    assert counter.get_total_flops() == 2 * formula


def test_moving_the_image_by_a_patch_moves_the_tokens_by_one():
    """Away from the border, where zeros stand around the image."""
    stem = small_network(stem="conv", image_size=48).embed.proj
    images = torch.randn(1, 3, 48, 48, dtype=torch.float64)
    tokens, moved = (stem(each).unflatten(1, (12, 12)) for each in (images, images.roll(4, 3)))
    torch.testing.assert_close(moved[:, :, 4:-3], tokens[:, :, 3:-4])


def test_a_token_sees_beyond_its_patch_but_not_the_whole_image():
    stem = small_network(stem="conv", image_size=32).embed.proj
    images = torch.zeros(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    stem(images).unflatten(1, (8, 8))[0, 3, 3].sum().backward()
    seen = images.grad.abs().sum((0, 1)) > 0
    assert seen[12:16, 12:16].all() and seen[11, 11]
    assert not (seen[0].any() or seen[-1].any() or seen[:, 0].any() or seen[:, -1].any())


def test_statistics_are_learned_in_training_and_used_in_evaluation():
    model = small_network(stem="conv")
    images, norms = images_for(model, 8), model.embed.proj.norms
    before = [norm.running_mean.clone() for norm in norms]
    one_by_one = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(one_by_one, model(images))  # evaluation: no image depends on its batch
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
    model.train()(images)
    assert all(not torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, before, strict=True))
    assert (model(images) - model(images.flip(0)).flip(0)).abs().max() < 1e-10
    assert (model(images)[:4] - model(images[:4])).abs().max() > 1e-6


def test_only_the_stem_has_buffers_and_a_patch_stem_has_none():
    assert not dict(small_network().named_buffers())
    assert all(name.startswith("embed.proj.norms.") for name, _ in small_network(stem="conv").named_buffers())


@pytest.mark.parametrize("patch", [1, 3, 6, 12])
def test_a_patch_that_is_no_power_of_two_is_refused(patch):
    message = f"patch_size: expected a power of two above 1 with stem 'conv', found {patch}"
    with pytest.raises(InputError, match=message):
        small_config(stem="conv", patch_size=patch, image_size=2 * patch)
    assert small_config(patch_size=patch, image_size=2 * patch).stem == "patch"


def test_timm_builds_it_by_name_and_has_no_place_for_its_weights():
    model = timm.create_model("para_former_1_6", img_size=8, stem="conv")
    assert isinstance(model.embed.proj, ConvStem)
    assert model.state_dict().keys() == create_model("para_former_1_6", image_size=8, stem="conv").state_dict().keys()
    with pytest.raises(InputError, match="stem: expected 'patch', .* found 'conv'"):
        to_timm(model.state_dict(), model.config)
    patches = create_model("para_former_1_6", image_size=8)
    with pytest.raises(InputError, match="'patch_embed.proj.bias' has no place in Para-F-1-6 .* stem 'conv'"):
        from_timm(to_timm(patches.state_dict(), patches.config), model.config)


def test_every_parameter_has_a_gradient():
    model = small_network(stem="conv").train()
    model(images_for(model, 4)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.embed.parameters())
    assert sum(isinstance(part, nn.Conv2d) for part in model.modules()) == 4

"""m = n is timm's ViT: both ways of loading, the same function; anything that does not fit is refused by name."""

import pytest
import torch

from para_former import InputError, ParaFormer
from para_former.models import from_timm, to_timm
from para_former.models.weights import serial_vit
from tests.models.published import noisy_vit
from tests.networks import images_for, small_config, small_network


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_a_serial_network_equals_timms_vit_in_float32(pool):
    config = small_config(depth=6, layers=6, pool=pool)
    vit = noisy_vit(config)
    model = ParaFormer(config).eval()
    model.load_state_dict(from_timm(vit.state_dict(), config))
    images = images_for(model)
    torch.testing.assert_close(model(images), vit(images), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.forward_features(images), vit.forward_features(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_timms_vit_with_our_weights_is_our_serial_network_and_a_perturbed_weight_is_not(pool):
    model = small_network(torch.float32, depth=3, layers=3, pool=pool)
    vit = serial_vit(model.config).eval()
    vit.load_state_dict(to_timm(model.state_dict(), model.config))
    images = images_for(model)
    torch.testing.assert_close(vit(images), model(images), rtol=1e-5, atol=1e-5)
    for name, parameter in vit.named_parameters():
        with torch.no_grad():
            before = parameter.clone()
            parameter.flatten()[-1] += 0.01
        unequal = (vit(images) - model(images)).abs().max()
        with torch.no_grad():
            parameter.copy_(before)
        assert unequal > 1e-5, name


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_renaming_there_and_back_is_exact(depth):
    model = small_network(depth=depth)
    back = from_timm(to_timm(model.state_dict(), model.config), model.config)
    assert back.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(back[name], tensor), name


def test_blocks_of_a_serial_network_become_branches_in_order():
    config = small_config(depth=2, layers=6)
    weights = from_timm(noisy_vit(config).state_dict(), config)
    vit = noisy_vit(config).state_dict()
    for branch in range(3):
        for level in range(2):
            expected = vit[f"blocks.{branch * 2 + level}.attn.qkv.weight"]
            assert torch.equal(weights[f"levels.{level}.attn.qkv.weight"][branch], expected)


def test_weights_that_do_not_fit_are_refused_by_name():
    config = small_config(depth=2, layers=6)
    weights = noisy_vit(config).state_dict()
    with pytest.raises(InputError, match="'extra' has no place in Para-F-2-6"):
        from_timm({**weights, "extra": torch.zeros(1)}, config)
    missing = {name: tensor for name, tensor in weights.items() if name != "blocks.3.norm1.bias"}
    with pytest.raises(InputError, match="'blocks.3.norm1.bias' is missing"):
        from_timm(missing, config)
    with pytest.raises(InputError, match=r"head.weight: expected shape \[5, 24\], found \[7, 24\]"):
        from_timm({**weights, "head.weight": torch.zeros(7, 24)}, config)


def test_what_timm_would_compute_otherwise_is_not_written_for_it():
    model = small_network(depth=3, layers=3, residual="normed")
    with pytest.raises(InputError, match="residual: expected 'standard'.*found 'normed'"):
        to_timm(model.state_dict(), model.config)

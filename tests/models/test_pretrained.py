"""Pretrained weights: what we read from a source is what timm makes of it, at every size."""

from dataclasses import replace

import pytest
import timm
import torch
from timm.models import _hub

import para_former as pf
from para_former.models.pretrained import HALF, read_pretrained
from para_former.models.saving import write_tensors
from para_former.models.weights import serial_vit
from tests.models.published import HUB_NAME, HUB_SIZES, PUBLISHED, google_arrays, noisy_vit, write_google
from tests.networks import images_for, small_config, small_network

SIZES = [{}, {"image_size": 32}, {"image_size": 8}, {"patch_size": 8}, {"image_size": (8, 16)}, {"in_channels": 1}]


@pytest.fixture
def vit():
    return noisy_vit(PUBLISHED)


@pytest.fixture
def file(tmp_path, vit):
    return write_google(tmp_path / "ViT.npz", vit)


def with_weights(source, config):
    """A network that starts from `source`, in evaluation mode."""
    model = pf.ParaFormer(config).eval()
    model.load_state_dict({**model.state_dict(), **read_pretrained(str(source), config).weights})
    return model


def assert_equal(model, vit):
    """Logits and features to 1e-5."""
    images = images_for(model)
    torch.testing.assert_close(model(images), vit.eval()(images), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model.forward_features(images), vit.forward_features(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_googles_file_is_what_timms_loader_makes_of_it(file, sizes):
    config = replace(PUBLISHED, **sizes)
    theirs = serial_vit(config)
    theirs.load_pretrained(str(file))
    assert_equal(with_weights(file, config), theirs)


def test_googles_file_is_the_network_it_was_written_from(file, vit):
    assert_equal(with_weights(file, PUBLISHED), vit)


def test_every_array_of_googles_file_matters_but_the_layer_that_timm_leaves_out(tmp_path, file, vit):
    model = with_weights(file, PUBLISHED)
    images = images_for(model)
    expected = model(images)
    for name, array in google_arrays(vit).items():
        changed = array.copy()
        changed.flat[-1] += 0.1
        other = with_weights(write_google(tmp_path / "other.npz", vit, **{name: changed}), PUBLISHED)
        # the bias of the keys shifts all scores of a query alike: softmax forgets it
        unseen = name.startswith("pre_logits") or name.endswith("key/bias")
        assert ((other(images) - expected).abs().max() < 1e-5) == unseen, name


def timms_own(file, config):
    """What timm makes of a file in its names."""
    return timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(file), "num_classes": PUBLISHED.num_classes},
        embed_dim=PUBLISHED.width,
        depth=PUBLISHED.layers,
        num_heads=PUBLISHED.heads,
        img_size=config.image_shape,
        patch_size=config.patch_size,
        in_chans=config.in_channels,
    )


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_safetensors_file_is_what_timm_makes_of_it(tmp_path, vit, sizes):
    file, config = tmp_path / "model.safetensors", replace(PUBLISHED, **sizes)
    write_tensors(file, vit.state_dict())
    assert_equal(with_weights(file, config), timms_own(file, config))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that has one file, for whatever is asked."""
    torch.manual_seed(0)
    write_tensors(tmp_path / "hub.safetensors", timm.create_model(HUB_NAME).state_dict())
    monkeypatch.setattr(_hub, "hf_hub_download", lambda *_, **__: str(tmp_path / "hub.safetensors"))


@pytest.mark.parametrize("sizes", [{"image_size": 160}, {"image_size": 96}, {"image_size": 48, "patch_size": 8}])
def test_a_name_of_timms_is_the_network_that_timm_makes_of_it(hub, sizes):
    config = small_config(**{**HUB_SIZES, "num_classes": 1000, **sizes})
    found = read_pretrained(f"timm:{HUB_NAME}", config)
    theirs = timm.create_model(HUB_NAME, True, img_size=config.image_shape, patch_size=config.patch_size)
    assert_equal(with_weights(f"timm:{HUB_NAME}", config), theirs)
    assert found.normalization == (theirs.pretrained_cfg["mean"], theirs.pretrained_cfg["std"])


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_blocks_become_branches_in_order(tmp_path, depth):
    published = replace(PUBLISHED, depth=6, layers=6)
    vit = noisy_vit(published)
    model = with_weights(write_google(tmp_path / "ViT.npz", vit), replace(published, depth=depth))
    for number, block in enumerate(vit.blocks):
        branch, level = divmod(number, depth)
        found = model.levels[level].mlp.fc1.weight[branch]
        torch.testing.assert_close(found, block.mlp.fc1.weight, rtol=0, atol=0)


def test_a_head_of_another_number_of_classes_stays_as_it_was(file, vit):
    torch.manual_seed(3)
    fresh = pf.ParaFormer(replace(PUBLISHED, num_classes=7)).head.state_dict()
    torch.manual_seed(3)
    model = with_weights(file, replace(PUBLISHED, num_classes=7))
    assert all(torch.equal(model.head.state_dict()[name], tensor) for name, tensor in fresh.items())
    images = images_for(model)
    torch.testing.assert_close(model.forward_features(images), vit.forward_features(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("fields", [{}, {"depth": 2, "pool": "mean", "merge": "mean"}, {"residual": "normed"}], ids=str)
def test_a_folder_of_ours_is_taken_as_it_is(tmp_path, fields):
    model = small_network(torch.float32, **fields)
    pf.save(model, tmp_path / "run")
    images = images_for(model)
    same = with_weights(tmp_path / "run", model.config)
    torch.testing.assert_close(same(images), model(images), rtol=0, atol=0)
    larger = with_weights(tmp_path / "run", replace(model.config, num_classes=3, image_size=(16, 24), patch_size=8))
    assert larger(images_for(larger)).shape == (3, 3)
    for (name, ours), theirs in zip(larger.levels.named_parameters(), model.levels.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_positions_of_a_folder_of_ours_keep_their_rows_and_columns(tmp_path, stem):
    """16 patches in two rows: a square grid, which timm assumes of a file, would mix them up."""
    model = small_network(torch.float32, image_size=(8, 32), stem=stem)
    with torch.no_grad():
        rows = torch.arange(2.0).repeat_interleave(8)[:, None]
        model.embed.pos_embed[0, 1:] = rows
    pf.save(model, tmp_path / "run")
    found = read_pretrained(str(tmp_path / "run"), replace(model.config, image_size=(8, 16)))
    torch.testing.assert_close(found.weights["embed.pos_embed"][0, 1:], rows[::2].expand(-1, 24))


def test_a_serial_folder_of_ours_may_be_cut_into_branches(tmp_path):
    model = small_network(torch.float32, depth=6, layers=6)
    pf.save(model, tmp_path / "run")
    cut = with_weights(tmp_path / "run", replace(model.config, depth=2))
    assert torch.equal(cut.levels[1].attn.qkv.weight[2], model.levels[5].attn.qkv.weight[0])


def test_a_folder_of_ours_brings_its_convolutional_stem(tmp_path):
    model = small_network(torch.float32, stem="conv")
    pf.save(model, tmp_path / "run")
    images = images_for(model)
    same = with_weights(tmp_path / "run", model.config)
    torch.testing.assert_close(same(images), model(images), rtol=0, atol=0)
    larger = with_weights(tmp_path / "run", replace(model.config, num_classes=3, image_size=(16, 24)))
    assert larger(images_for(larger)).shape == (3, 3)
    for name, tensor in model.embed.proj.state_dict().items():
        assert torch.equal(larger.embed.proj.state_dict()[name], tensor), name


def test_a_safetensors_file_expects_pixels_around_a_half(tmp_path):
    write_tensors(tmp_path / "model.safetensors", noisy_vit(PUBLISHED).state_dict())
    assert read_pretrained(str(tmp_path / "model.safetensors"), PUBLISHED).normalization == HALF

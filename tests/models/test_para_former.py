"""What makes the network a Para-Former, and what chance may touch in training."""

from functools import partial

import pytest
import torch
from torch.nn.utils import prune

import para_former as pf
from para_former import InputError
from para_former.models import ParaFormer, from_timm, model_config, select_branches
from para_former.models.para_former import merge
from para_former.models.weights import serial_vit
from tests.networks import images_for, small_config, small_network


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_order_of_branches_does_not_matter(depth, stem):
    model = small_network(depth=depth, layers=12, stem=stem)
    order = torch.randperm(model.config.branches, generator=torch.Generator().manual_seed(3)).tolist()
    images = images_for(model)
    torch.testing.assert_close(select_branches(model, order)(images), model(images), rtol=0, atol=1e-12)


def test_a_subset_of_branches_is_the_network_of_those_branches_alone():
    model = small_network(depth=2, layers=12)
    images = images_for(model)
    x = model.embed(images)[None]
    for level in model.levels:
        x = level(x)
    chosen = [4, 1]
    expected = model.forward_head(model.norm(merge(x[chosen], model.embed(images)[None], model.config)))
    subset = select_branches(model, chosen)
    assert subset.config.layers == 4
    torch.testing.assert_close(subset(images), expected, rtol=0, atol=1e-12)


def test_a_subset_has_the_head_and_the_number_formats_that_are_there():
    model = small_network(torch.float32).bfloat16()
    model.norm, model.head = model.norm.float(), torch.nn.Linear(24, 7)
    subset = select_branches(model, [1])
    for name, tensor in subset.state_dict().items():
        whole = model.state_dict()[name]
        assert torch.equal(tensor, whole[1:2] if name.startswith("levels.") else whole), name
        assert (tensor.dtype, tensor.data_ptr() == whole.data_ptr()) == (whole.dtype, False), name


@pytest.mark.parametrize("branches", [[], [6], [-1]])
def test_branches_that_are_not_there_are_refused(branches):
    with pytest.raises(InputError, match="branches: expected"):
        select_branches(small_network(), branches)


def test_the_number_of_sequential_steps_is_the_depth_whatever_the_layers():
    """Calls of levels in a forward pass: m of them for n = 6 and for n = 24."""
    for layers in (6, 24):
        model = small_network(depth=2, layers=layers, pool="mean")
        calls: list[int] = []
        for level in model.levels:
            level.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        model(images_for(model))
        assert len(calls) == 2


def test_merges_agree_on_one_branch_and_differ_on_more():
    x, inputs = torch.randn(3, 2, 4, 8, dtype=torch.float64), torch.randn(1, 2, 4, 8, dtype=torch.float64)
    merged = {name: merge(x, inputs, small_config(merge=name)) for name in ("sum", "mean", "residual")}
    torch.testing.assert_close(merged["mean"], x.mean(0))
    torch.testing.assert_close(merged["residual"], inputs[0] + (x - inputs).sum(0))
    torch.testing.assert_close(merged["sum"], x[0] + x[1] + x[2])
    for name in merged:
        torch.testing.assert_close(merge(x[:1], inputs, small_config(merge=name)), x[0])


def test_the_sum_over_branches_is_taken_in_float32():
    """1024 ones in bfloat16 would stop growing at 256."""
    x = torch.ones(1024, 1, 1, 1, dtype=torch.bfloat16)
    assert merge(x, x[:1], small_config()).item() == 1024


def test_stochastic_depth_is_drawn_for_each_branch_and_image():
    model = small_network(layers=16, drop_path=0.5).train()
    update = torch.ones(16, 64, 2, 24, dtype=torch.float64)
    dropped = model.levels[0]._drop_path(update)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(dropped.amax((2, 3)), dropped.amin((2, 3)))  # one draw for a whole module
    kept = (dropped[:, :, 0, 0] > 0).double()
    assert 0.4 < kept.mean() < 0.6
    assert kept.std(0).min() > 0 and kept.std(1).min() > 0


@pytest.mark.parametrize("option", ["dropout", "attention_dropout", "drop_path", "head_dropout"])
@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_chance_acts_in_training_only(option, pool):
    model = small_network(pool=pool, **{option: 0.2})
    images = images_for(model)
    torch.testing.assert_close(model(images), model(images), rtol=0, atol=0)
    model.train()
    assert (model(images) - model(images)).abs().max() > 1e-3


@pytest.mark.parametrize("path", ["forward", "read_out"])
def test_attention_dropout_keeps_the_mean(path):
    """Attention is linear in its weights, so dropping some and scaling the rest leaves its expected output as it is."""
    model = small_network(layers=2, attention_dropout=0.5)
    attention, norm = model.levels[0].attn, model.levels[0].norm1
    x_hat = torch.randn(1, 1, 5, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    arguments = (x_hat, norm) if path == "forward" else (x_hat, x_hat[:, :, :1], norm)
    expected = getattr(attention, path)(*arguments)
    many = [argument.expand(1, 20_000, -1, -1) if argument is not norm else norm for argument in arguments]
    draws = getattr(attention.train(), path)(*many)
    standard_error = draws.std(1, keepdim=True) / 20_000**0.5
    assert ((draws.mean(1, keepdim=True) - expected).abs() / standard_error).max() < 6


def test_dropout_reaches_the_class_token_at_depth_one():
    """The constant query is given up exactly when dropout touches the token it stands for."""
    model = small_network(dropout=0.5).train()
    x = model.embed(images_for(model))[None]
    assert model._class_row(x).shape[1] == 3
    assert model.eval()._class_row(x).shape[1] == 1


@pytest.mark.parametrize("network", ["model", "prepared", "reference"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            torch.zeros(2, 3, 16, 8),
            r"images: expected \[batch, channels, height, width\] = \[batch, 3, 8, 8\], found \[2, 3, 16, 8\]",
        ),
        (torch.zeros(1, 3, 8, 9), r"images: expected .* = \[batch, 3, 8, 8\], found \[1, 3, 8, 9\]"),
        (torch.zeros(3, 8, 8), r"images: expected .* = \[batch, 3, 8, 8\], found \[3, 8, 8\]"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "images: expected floating-point numbers, .*, found torch.uint8"),
    ],
)
def test_other_images_are_refused(network, images, message, no_shape_checks):
    model = small_network(torch.float32)
    call = {"model": model, "prepared": pf.prepare(model), "reference": partial(pf.reference, model)}[network]
    with pytest.raises(InputError, match=message):
        call(images)


def test_checkpointing_computes_each_level_again_in_the_backward_pass():
    model, calls = small_network(depth=3, pool="mean").train(), []
    for level in model.levels:
        level.register_forward_pre_hook(lambda *_: calls.append(1))
    model.set_grad_checkpointing()
    loss = model(images_for(model)).sum()
    assert len(calls) == 3
    loss.backward()
    assert len(calls) == 6


def test_initial_weights_have_the_spread_of_timms():
    config = model_config("para_former_2_2", image_size=8)
    theirs = from_timm(serial_vit(config).state_dict(), config)
    for name, ours in ParaFormer(config).state_dict().items():
        assert ours.std().item() == pytest.approx(theirs[name].std().item(), rel=0.25, abs=1e-9), name


def test_a_new_head_begins_as_the_first_one_did():
    model = small_network(torch.float32)
    model.reset_classifier(50)
    assert not model.head.bias.any() and model.head.weight.std().item() == pytest.approx(0.02, rel=0.2)


def test_a_deeper_module_is_left_out_more_often():
    """Level i drops each of its two updates with (i + 1)/m of the rate; where both go, x passes as it is."""
    model, shares = small_network(depth=2, layers=32, drop_path=0.8).train(), []
    for level in model.levels:
        level.register_forward_hook(lambda _, x, y: shares.append((y == x[0]).flatten(2).all(2).double().mean().item()))
    model.forward_branches(images_for(model, 100), read_out_only=False)
    assert shares == pytest.approx([0.4**2, 0.8**2], abs=0.06)


@pytest.mark.parametrize("depth", [1, 3])
def test_hooks_of_what_is_computed_fire(depth):
    model, called = small_network(depth=depth), []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: called.append(name))
    model(images_for(model))
    last = f"levels.{depth - 1}"
    assert {last, f"{last}.mlp", f"{last}.mlp.fc1", f"{last}.mlp.fc2", f"{last}.attn.proj", "head"} <= set(called)
    assert depth == 1 or {"levels.0", "levels.0.attn", "levels.0.attn.qkv"} <= set(called)


def test_a_pruned_product_is_pruned_and_trains():
    model = small_network().train()
    before = model(images_for(model))
    prune.random_unstructured(model.levels[0].mlp.fc1, "weight", amount=0.5)
    assert (model(images_for(model)) - before).abs().max() > 1e-3
    for _ in range(2):
        model(images_for(model)).sum().backward()


def test_chosen_branches_are_frozen_where_they_were():
    model = small_network()
    model.requires_grad_(False)
    model.head.requires_grad_(True)
    chosen = select_branches(model, [0, 2])
    assert {name for name, each in chosen.named_parameters() if each.requires_grad} == {"head.weight", "head.bias"}

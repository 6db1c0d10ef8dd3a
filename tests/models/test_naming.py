"""Names, ours and timm's: what timm's users do with a model works on ours."""

import fnmatch

import pytest
import timm
import torch
from timm.models._manipulate import group_parameters
from timm.optim import param_groups_layer_decay, param_groups_weight_decay

import para_former as pf
from para_former.models import model_config
from para_former.reports import paper
from para_former.training.config import TrainConfig
from para_former.training.optim import build_optimizer

NAMES = ["para_former_1_6", "para_former_6_6", "para_former_small_2_6"]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("para_former_2_24", (2, 24, 192, 3)),
        ("para_former_tiny_2_24", (2, 24, 192, 3)),
        ("para_former_small_5_10", (5, 10, 384, 6)),
        ("para_former_base_1_7", (1, 7, 768, 12)),
    ],
)
def test_a_name_is_a_configuration(name, sizes):
    config = model_config(name)
    assert (config.depth, config.layers, config.width, config.heads) == sizes


@pytest.mark.parametrize(
    "name", ["resnet50", "para_former", "para_former_2", "para_former_huge_1_6", "para_former_1_6 "]
)
def test_other_names_are_refused(name):
    with pytest.raises(pf.InputError, match="unknown model"):
        pf.create_model(name)


def test_a_depth_that_does_not_divide_the_layers_is_refused_with_the_name():
    with pytest.raises(pf.InputError, match="para_former_4_6: layers: expected a multiple of depth 4, found 6"):
        pf.create_model("para_former_4_6")


def test_timm_lists_every_network_of_the_paper():
    listed = timm.list_models("para_former_*")
    assert {f"para_former_{depth}_{layers}" for depth, layers in paper.NETWORKS} <= set(listed)


@pytest.mark.parametrize("name", NAMES)
def test_timm_builds_with_its_own_arguments(name):
    model = timm.create_model(
        name, num_classes=7, img_size=(16, 24), patch_size=8, in_chans=1, global_pool="avg"
    ).eval()
    assert model(torch.zeros(2, 1, 16, 24)).shape == (2, 7)
    assert model.config.pool == "mean" and model.default_cfg["input_size"] == (3, 32, 32)


def test_a_network_of_another_size_is_exported_and_built_by_timm_at_that_size(tmp_path):
    name, size = NAMES[0], (3, 64, 64)
    model = timm.create_model(name, num_classes=7, img_size=64)
    timm.models.save_for_hf(model, tmp_path, model_args={"img_size": 64})
    exported = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    overlaid = timm.create_model(name, pretrained_cfg_overlay={"input_size": size})
    for each in (exported, overlaid):
        assert timm.data.resolve_model_data_config(each)["input_size"] == size
        assert each(torch.zeros(1, *size)).shape[0] == 1
    assert timm.create_model(name).config == pf.create_model(name, num_classes=1000).config


def test_timm_refuses_arguments_that_mean_nothing():
    with pytest.raises(TypeError, match="not_an_argument"):
        timm.create_model("para_former_1_6", not_an_argument=1)


@pytest.mark.parametrize("name", NAMES)
def test_features_head_and_a_new_classifier(name):
    model = timm.create_model(name, num_classes=7, img_size=8).eval()
    images = torch.randn(2, 3, 8, 8)
    features = model.forward_features(images)
    pooled = model.forward_head(features, pre_logits=True)
    torch.testing.assert_close(model.get_classifier()(pooled), model(images), rtol=1e-5, atol=1e-5)
    model.reset_classifier(0)
    assert model.num_classes == 0
    torch.testing.assert_close(model(images), pooled, rtol=1e-5, atol=1e-5)
    model.double().reset_classifier(3)
    assert model(images.double()).shape == (2, 3) and model.head.weight.dtype == torch.float64
    with pytest.raises(pf.InputError, match="global_pool: expected 'token'"):
        model.reset_classifier(3, "avg")


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient_and_checkpointing_changes_nothing(name):
    model = timm.create_model(name, num_classes=7, img_size=8).train()
    images = torch.randn(2, 3, 8, 8)
    expected = model(images)
    model.set_grad_checkpointing()
    logits = model(images)
    torch.testing.assert_close(logits, expected)
    logits.mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_parameter_groups_cover_the_network(name):
    model = timm.create_model(name, img_size=8)
    groups = group_parameters(model, model.group_matcher(), reverse=True)
    assert len(set(groups.values())) == model.config.depth + 2  # embedding, levels, norm and head
    names = [name for name, _ in model.named_parameters()]
    assert all(fnmatch.filter(names, pattern) for pattern in model.no_weight_decay())
    decayed, _ = build_optimizer(model, TrainConfig(dataset="digits")).param_groups
    for groups in (param_groups_weight_decay, param_groups_layer_decay):  # timm's own
        found = [
            each for each in groups(model, 0.05, no_weight_decay_list=model.no_weight_decay()) if each["weight_decay"]
        ]
        assert {id(one) for each in found for one in each["params"]} == {id(one) for one in decayed["params"]}


def test_in_half_precision_the_output_is_half():
    model = timm.create_model("para_former_2_6", img_size=8).eval().to(torch.bfloat16)
    assert model(torch.zeros(1, 3, 8, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_timms_rates_of_dropout_are_ours():
    rates = {"drop_rate": 0.1, "proj_drop_rate": 0.2, "attn_drop_rate": 0.3, "drop_path_rate": 0.4}
    config = timm.create_model("para_former_1_1", img_size=8, **rates).config
    found = config.head_dropout, config.dropout, config.attention_dropout, config.drop_path
    assert found == (0.1, 0.2, 0.3, 0.4)

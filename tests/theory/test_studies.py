"""What a study of one network says about it, and with what it is compared."""

import pytest
import torch

from para_former.theory.studies import NUDGE, decomposition_study, untrained
from tests.networks import images_for, small_network


def test_the_error_nudged_is_that_of_the_parameter_that_matters_least():
    """A change of a class's bias is one of its logit."""
    model = small_network()
    images = images_for(model)
    study = decomposition_study(model, images)
    assert study["error"] < 1e-10 < study["error_nudged"]
    assert study["error_nudged"] <= 1.001 * NUDGE / max(1.0, model(images).abs().max().item())


def test_the_bias_of_the_head_has_a_size_and_does_not_move():
    parts = {part["part"]: part for part in decomposition_study(small_network(), images_for(small_network()))["parts"]}
    assert parts["head"]["size"] > 0.01 and parts["head"]["moving"] == pytest.approx(0, abs=1e-12)


def test_the_untrained_network_is_the_same_every_time():
    model = small_network()
    one = untrained(model)
    torch.manual_seed(1)
    other = untrained(model)
    for name, parameter in one.named_parameters():
        torch.testing.assert_close(parameter, other.get_parameter(name), rtol=0, atol=0)
    assert not torch.equal(one.head.weight, model.head.weight)


def test_a_network_whose_modules_add_nothing_is_its_linear_part():
    model = small_network(pool="mean")
    (level,) = model.levels
    with torch.no_grad():
        for product in (level.attn.proj, level.mlp.fc2):
            product.weight.zero_(), product.bias.zero_()
        model.fc_norm.bias.zero_(), model.head.bias.zero_()
    linear, *others = decomposition_study(model, images_for(model))["parts"]
    assert (linear["part"], linear["size"], linear["moving"]) == ("linear", pytest.approx(1), pytest.approx(1))
    assert all(part["size"] == part["moving"] == 0 for part in others)

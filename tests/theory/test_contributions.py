"""Branches of a network from one pass: the same as networks of these branches alone, and parts that add up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from para_former import theory
from para_former.errors import InputError
from para_former.models import select_branches
from para_former.theory.contributions import effective_rank, greedy_order, linear_cka
from tests.networks import images_for, small_network


def outputs_of(model, batch=12):
    images = images_for(model, batch)
    labels = torch.arange(batch) % model.config.num_classes
    return images, theory.branch_outputs(model, zip(images.split(5), labels.split(5), strict=True))


@pytest.mark.parametrize("merge", ["sum", "mean", "residual"])
@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("branches", [[0], [2, 0], [0, 1, 2]])
def test_some_branches_are_the_network_of_these_branches(branches, pool, merge):
    model = small_network(depth=2, pool=pool, merge=merge)
    images, outputs = outputs_of(model)
    expected = select_branches(model, branches)(images)
    torch.testing.assert_close(outputs.logits(branches), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("merge", ["sum", "mean"])
def test_logit_shares_add_up(pool, merge):
    model = small_network(depth=2, pool=pool, merge=merge)
    images, outputs = outputs_of(model)
    norm = model.norm if pool == "cls" else model.fc_norm
    constant = model.head(norm.bias)
    torch.testing.assert_close(outputs.logit_shares().sum(0) + constant, model(images), rtol=0, atol=1e-10)
    form = theory.decompose(model, images)
    shares = form.logit_shares(form.branches())
    torch.testing.assert_close(outputs.logit_shares(), shares, rtol=0, atol=1e-10)


def test_without_a_head_the_shares_are_those_of_the_read_out():
    model = small_network(num_classes=0)
    images = images_for(model)
    outputs = theory.branch_outputs(model, [(images, torch.zeros(len(images), dtype=torch.int64))])
    torch.testing.assert_close(outputs.logit_shares().sum(0) + model.norm.bias, model(images), rtol=0, atol=1e-10)


def test_a_network_in_training_is_refused_and_left_as_it_is():
    model = small_network(stem="conv").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError, match="model: expected a network in evaluation mode"):
        outputs_of(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_study_counts_errors_and_orders_branches():
    model = small_network(layers=4)
    _, outputs = outputs_of(model, 20)
    study = theory.branch_study(outputs, outputs)
    assert sorted(study["greedy"]) == [0, 1, 2, 3]
    assert study["order_given"][-1] == study["error_all"]
    assert study["order_greedy"][-1][1] == pytest.approx(study["error_all"][1])
    assert study["order_greedy"][0][1] == min(loss for _, loss in study["error_alone"])
    wrong = (outputs.logits(range(4)).argmax(1) != outputs.labels).double().mean().item()
    assert study["error_all"][0] == pytest.approx(100 * wrong)


def test_effective_rank_and_similarity_of_known_matrices():
    eye = torch.linalg.qr(torch.randn(50, 5, dtype=torch.float64) - 0)[0]
    eye = torch.linalg.qr(eye - eye.mean(0))[0]
    assert effective_rank(eye) == pytest.approx(5)
    assert effective_rank(eye[:, :1] @ torch.ones(1, 4, dtype=torch.float64)) == pytest.approx(1, abs=1e-6)
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    assert linear_cka(eye, 3 * eye @ rotation + 1) == pytest.approx(1)
    other = torch.randn(50, 5, dtype=torch.float64)
    assert linear_cka(eye, other - eye @ (eye.T @ other)) == pytest.approx(0, abs=1e-10)


def test_of_two_branches_without_one_is_the_other_alone():
    _, outputs = outputs_of(small_network(layers=2), 20)
    study = theory.branch_study(outputs, outputs)
    assert study["error_without"] == study["error_alone"][::-1]


def test_the_order_is_chosen_on_one_set_of_images_and_judged_on_the_other():
    _, outputs = outputs_of(small_network(layers=4), 20)
    chosen, judged = (replace(outputs, labels=outputs.logits([j]).argmax(1)) for j in (3, 0))
    study = theory.branch_study(chosen, judged)
    assert study["greedy"] == greedy_order(chosen) != greedy_order(judged)
    assert study["order_greedy"][0] == judged.errors(study["greedy"][:1])


def test_what_all_branches_share_makes_none_of_them_alike():
    """Rank and similarity are of what a branch adds to the image, sizes of what tells classes apart."""
    model = small_network(layers=4)
    _, outputs = outputs_of(model, 20)
    before = theory.branch_study(outputs, outputs)
    shift = 9 * torch.randn_like(outputs.inputs)
    moved = replace(outputs, rows=outputs.rows + shift, inputs=outputs.inputs + shift)
    after = theory.branch_study(moved, moved)
    assert np.allclose(before["similarity"], after["similarity"])
    assert before["effective_rank"] == pytest.approx(after["effective_rank"])
    with torch.no_grad():
        model.head.weight += torch.randn(model.config.width, dtype=torch.float64)  # the same for every class
    assert theory.branch_study(outputs, outputs)["logit_size"] == pytest.approx(before["logit_size"])

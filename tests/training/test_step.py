"""A step: parts of a batch add up to the batch, clipping bounds it, the average averages, and its state is complete."""

import gc
import weakref
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from para_former.data import SPECS
from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.training.step import Learner
from tests.training.helpers import tiny_run

CPU = torch.device("cpu")
IMAGES = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 10


def learner(seed=0, **changes):
    quiet = {"dropout": 0.0, "attention_dropout": 0.0, "drop_path": 0.0}
    config = tiny_run(**{**quiet, **changes})
    torch.manual_seed(seed)
    return Learner(ParaFormer(config.network(SPECS["digits"])), config, CPU)


def weights(of):
    return torch.cat([parameter.detach().flatten() for parameter in of.parameters()])


@pytest.mark.parametrize("parts", [2, 3, 5, 12, 50])
def test_a_batch_in_parts_is_the_same_step(parts):
    """SGD, since Adam's first step knows only signs."""
    whole, split = learner(optimizer="sgd", clip_norm=0.0), learner(optimizer="sgd", clip_norm=0.0, accumulate=parts)
    losses = [each.step(IMAGES, LABELS, 0.1) for each in (whole, split)]
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(weights(whole.model), weights(split.model), rtol=1e-5, atol=1e-7)


def test_class_numbers_and_their_one_hot_probabilities_are_the_same_target():
    by_number, by_share = learner(), learner()
    losses = by_number.step(IMAGES, LABELS, 0.1), by_share.step(IMAGES, torch.eye(10)[LABELS], 0.1)
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_the_cross_entropy_with_targets_spread_as_asked(smoothing):
    each = learner(label_smoothing=smoothing)
    logs = each.model(IMAGES).detach().log_softmax(1)
    targets = (1 - smoothing) * torch.eye(10)[LABELS] + smoothing / 10
    torch.testing.assert_close(each.step(IMAGES, LABELS, 0.0), -(targets * logs).sum(1).mean())


def test_clipping_bounds_the_step():
    free, clipped = (learner(optimizer="sgd", weight_decay=0.0, clip_norm=norm) for norm in (0.0, 1e-3))
    moved = []
    for each in (free, clipped):
        before = weights(each.model)
        each.step(IMAGES, LABELS, 1.0)
        moved.append((weights(each.model) - before).norm().item())
    assert moved[0] > 1e-2 and moved[1] == pytest.approx(1e-3, rel=1e-2)


def test_the_average_follows_the_weights_and_is_what_is_evaluated():
    each = learner(ema=0.2)
    each.step(IMAGES, LABELS, 0.1)
    average = weights(each.model).clone()
    torch.testing.assert_close(weights(each.network), average)  # the average of one
    for decay in (2 / 11, 0.2, 0.2):
        each.step(IMAGES, LABELS, 0.1)
        average = decay * average + (1 - decay) * weights(each.model)
        torch.testing.assert_close(weights(each.network), average)
    assert each.network is not each.model and learner(ema=0.0).network is not each.network


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_dropped_learner_is_gone_at_once(ema):
    """What waits for Python's collector keeps a GPU's memory, and may be destroyed while another graph is recorded."""
    gc.disable()
    try:
        each = learner(ema=ema)
        each.step(IMAGES, LABELS, 0.1)
        gone = weakref.ref(each), weakref.ref(each.model)
        del each
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def test_the_average_of_a_short_run_is_not_its_first_weights():
    each, passed = learner(ema=0.999, optimizer="sgd"), []
    for _ in range(20):
        each.step(IMAGES, LABELS, 0.01)
        passed.append(weights(each.model).clone())
    from_first, from_last = ((weights(each.network) - passed[place]).norm() for place in (0, -1))
    assert from_last < from_first / 4


def statistics(of):
    return torch.cat([buffer.flatten() for name, buffer in of.named_buffers() if "running" in name])


def test_the_average_has_averaged_statistics_too():
    """Those of the newest weights would belong to other weights than the averaged ones."""
    each = learner(ema=0.1, stem="conv")
    before = statistics(each.model).clone()
    each.step(IMAGES, LABELS, 0.1)
    first = statistics(each.model).clone()
    assert not torch.equal(first, before)
    torch.testing.assert_close(statistics(each.network), first)
    each.step(IMAGES.flip(0) * 2, LABELS, 0.1)
    torch.testing.assert_close(statistics(each.network), 0.1 * first + 0.9 * statistics(each.model))


def test_statistics_are_those_of_each_part_of_a_batch():
    """Two parts are two looks: the first part's statistics, then the second's, a tenth each of what is kept."""
    split, by_hand = learner(accumulate=2, stem="conv"), learner(stem="conv")
    split.step(IMAGES, LABELS, 0.0)
    for part in IMAGES.chunk(2):
        by_hand.model(part)
    torch.testing.assert_close(statistics(split.model), statistics(by_hand.model))


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema": 0.9}, {"optimizer": "sgd"}, {"optimizer": "adam"}, {"precision": "fp16"}, {"stem": "conv"}],
)
def test_a_learner_with_the_state_of_another_takes_the_same_next_step(changes):
    one, other = learner(**changes), learner(seed=1, **changes)
    for _ in range(2):
        one.step(IMAGES, LABELS, 1e-2)
    other.load_state({name: tensor.clone() for name, tensor in one.state().items()}, Path("state"))
    for each in (one, other):
        each.step(IMAGES, LABELS, 1e-2)
    for name, tensor in one.state().items():
        assert torch.equal(other.state()[name], tensor), name


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 32},
        {"model": "para_former_2_6"},
        {"model": "para_former_1_4"},
        {"pool": "mean"},
        {"stem": "conv"},
        {"ema": 0.5},
    ],
)
def test_the_state_of_another_network_is_refused_by_name(changes):
    plain = learner(ema=0.0)
    plain.step(IMAGES, LABELS, 1e-2)
    other = learner(**{"ema": 0.0, **changes})
    with pytest.raises(InputError, match="state: .*expected.*found"):
        other.load_state(plain.state(), Path("state"))


def test_a_state_without_the_optimiser_is_refused():
    plain = learner()
    plain.step(IMAGES, LABELS, 1e-2)
    state = {name: tensor for name, tensor in plain.state().items() if not name.startswith("optimizer.0.")}
    with pytest.raises(InputError, match="expected the optimiser's state of"):
        learner().load_state(state, Path("state"))


def test_a_state_from_before_the_first_step_that_fp16_does_not_skip_is_whole():
    each, other = (learner(optimizer="sgd", precision="fp16") for _ in range(2))
    each.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    before = weights(each.model)
    each.step(IMAGES, LABELS, 0.1)
    assert torch.equal(weights(each.model), before)
    other.load_state(each.state(), Path("state"))
    assert other.scaler.get_scale() == each.scaler.get_scale()


@pytest.mark.parametrize("name", ["optimizer.0.exp_avg", "optimizer.3.exp_avg_sq"])
def test_a_moment_of_another_shape_is_refused(name):
    """PyTorch would read and write beyond its end."""
    plain = learner()
    plain.step(IMAGES, LABELS, 1e-2)
    with pytest.raises(InputError, match=r"state: exp_avg\S* of parameter [03]: expected shape \[.*\], found \[1\]"):
        learner().load_state({**plain.state(), name: torch.zeros(1)}, Path("state"))


def test_however_many_networks_a_process_compiles_all_are_compiled(monkeypatch, no_shape_checks):
    compiled = []

    def note(graph, inputs):
        compiled.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=note))
    with torch._dynamo.config.patch(recompile_limit=1):
        for number in (1, 2, 3):
            learner(model=f"para_former_1_{number}", compile=True).step(IMAGES, LABELS, 0.1)
            assert len(compiled) == number


def test_a_compiled_run_saves_the_names_of_an_uncompiled_one():
    assert learner(compile=True).state().keys() == learner().state().keys()


def test_attention_of_a_step_is_never_cudnns():
    each, seen = learner(), []
    each.model.register_forward_hook(lambda *_: seen.append(torch.backends.cuda.cudnn_sdp_enabled()))
    before = torch.backends.cuda.cudnn_sdp_enabled()
    each.step(IMAGES, LABELS, 0.1)
    assert before and seen == [False] and torch.backends.cuda.cudnn_sdp_enabled()


def test_a_step_leaves_no_gradient_to_the_next():
    each = learner()
    each.step(IMAGES, LABELS, 0.1)
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in each.model.parameters())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_loss_is_taken_in_float32_whatever_the_products(precision):
    each, seen = learner(precision=precision, label_smoothing=0.0), []
    each.model.head.register_forward_hook(lambda head, inputs, logits: seen.append(logits.detach().clone()))
    loss = each.step(IMAGES, LABELS, 0.0)
    assert loss.item() == pytest.approx(F.cross_entropy(seen[0].float(), LABELS).item(), rel=1e-6)


def test_clipping_bounds_the_step_of_scaled_gradients_too():
    each = learner(optimizer="sgd", weight_decay=0.0, clip_norm=1e-3, precision="fp16")
    for _ in range(20):  # a scale that is too large is halved, and the step left out
        before = weights(each.model)
        each.step(IMAGES, LABELS, 1.0)
        if moved := (weights(each.model) - before).norm().item():
            break
    assert moved == pytest.approx(1e-3, rel=5e-2)


PRECISIONS = pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)


@PRECISIONS
def test_products_of_a_step_have_the_precision_asked_for(precision, dtype):
    each, seen = learner(precision=precision), []
    each.model.head.register_forward_hook(lambda head, inputs, logits: seen.append(logits.dtype))
    each.step(IMAGES, LABELS, 0.1)
    assert seen == [dtype]


@PRECISIONS
def test_products_of_an_evaluation_have_it_too(precision, dtype):
    assert learner(precision=precision).logits(IMAGES).dtype == dtype

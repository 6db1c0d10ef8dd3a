"""Training on a GPU: the same step as on a CPU, and bit for bit the same run where it was stopped and resumed."""

from pathlib import Path

import pytest
import torch

from para_former.data import SPECS
from para_former.models import ParaFormer
from para_former.training.config import TrainConfig
from para_former.training.step import Learner
from tests.training.helpers import outcome, tiny_run, train_quietly

pytestmark = pytest.mark.gpu


@pytest.mark.filterwarnings("ignore:TensorFloat32")  # PyTorch's advice to compile for it
@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_is_the_step_of_a_cpu(compiled, no_shape_checks):
    """Of the six steps the first three prepare the graph that the others replay."""
    losses, weights = [], []
    for device in ("cpu", "cuda"):
        quiet = {"dropout": 0.0, "attention_dropout": 0.0, "drop_path": 0.0}
        config = tiny_run(optimizer="sgd", compile=compiled and device == "cuda", **quiet)
        torch.manual_seed(0)
        model = ParaFormer(config.network(SPECS["digits"])).to(device)
        learner = Learner(model, config, torch.device(device))
        images, labels = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 10
        losses.append(torch.stack([learner.step(images.to(device), labels.to(device), 0.1) for _ in range(6)]).cpu())
        weights.append(torch.cat([parameter.detach().flatten().cpu() for parameter in learner.network.parameters()]))
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["para_former_2_24", "para_former_3_24", "para_former_6_24"])
def test_large_networks_learn_the_same_compiled_and_not(name, no_shape_checks):
    """At the sizes of the paper's Table 3, where cuDNN's attention once gave infinite losses."""
    images, labels = torch.randn(250, 3, 32, 32, device="cuda"), torch.arange(250, device="cuda") % 10
    losses = []
    for compiled in (False, True):
        config = TrainConfig(dataset="cifar10", model=name, precision="bf16", compile=compiled)
        torch.manual_seed(0)
        learner = Learner(ParaFormer(config.network(SPECS["cifar10"])).cuda(), config, torch.device("cuda"))
        losses.append(torch.stack([learner.step(images, labels, 1e-3) for _ in range(30)]))
    assert torch.isfinite(torch.cat(losses)).all() and losses[0][-1] < losses[0][0]
    torch.testing.assert_close(*losses, rtol=0.05, atol=0.05)


def test_a_replay_sees_new_images_labels_and_rates():
    config = tiny_run()
    learner = Learner(ParaFormer(config.network(SPECS["digits"])).cuda(), config, torch.device("cuda"))
    images, labels = torch.randn(12, 1, 8, 8, device="cuda"), torch.arange(12, device="cuda") % 10
    for _ in range(5):
        learner.step(images, labels, 0.0)
    before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    losses = [learner.step(images, labels, 0.0) for _ in range(2)]
    assert losses[0] != losses[1]  # dropout is drawn anew
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.model.state_dict().items())
    learner.step(images, labels, 0.1)
    assert not any(torch.equal(tensor, before[name]) for name, tensor in learner.model.named_parameters())
    assert torch.isnan(learner.step(images * torch.nan, labels, 0.0))


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_stopped_and_resumed_equals_the_uninterrupted_one(stop_at, precision):
    whole = outcome(train_quietly(tiny_run(device="cuda", precision=precision, output=Path("whole"))))
    with stop_at("save_checkpoint", 2, after=True):
        train_quietly(tiny_run(device="cuda", precision=precision))
    assert outcome(train_quietly(tiny_run(device="cuda", precision=precision, resume=True))) == whole

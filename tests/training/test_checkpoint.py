"""A checkpoint gives back weights and optimiser bit for bit, and a file that is not whole or not ours is refused."""

import pytest
import torch

from para_former.data import SPECS
from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.saving import read_tensors, write_tensors
from para_former.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from para_former.training.optim import build_optimizer
from tests.training.helpers import tiny_run


def make_pair(seed=0, **changes):
    """A network and its optimiser."""
    torch.manual_seed(seed)
    model = ParaFormer(tiny_run(**changes).network(SPECS["digits"]))
    return model, build_optimizer(model, tiny_run(**changes))


def step(model, optimizer, seed):
    """One step along random gradients."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def assert_equal(first, second):
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


@pytest.fixture
def saved(tmp_path):
    """A network and an optimiser after three steps, saved as epoch 7."""
    model, optimizer = make_pair()
    for seed in range(3):
        step(model, optimizer, seed)
    save_checkpoint(tmp_path, model, optimizer, 7)
    return model, optimizer


def test_weights_moments_and_epoch_come_back_bit_for_bit(saved, tmp_path):
    model, optimizer = make_pair(seed=1)
    assert load_checkpoint(tmp_path, model, optimizer) == 7
    assert_equal(model, saved[0])
    found, expected = (each.state_dict()["state"] for each in (optimizer, saved[1]))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert all(state["exp_avg"].any() and state["exp_avg_sq"].any() and state["step"] == 3 for state in found.values())


def test_the_next_step_is_the_same(saved, tmp_path):
    model, optimizer = make_pair(seed=1)
    load_checkpoint(tmp_path, model, optimizer)
    step(model, optimizer, 3)
    step(*saved, 3)
    assert_equal(model, saved[0])


def test_a_checkpoint_is_one_file_without_leftovers(saved, tmp_path):
    save_checkpoint(tmp_path, *saved, 8)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]
    assert load_checkpoint(tmp_path, *make_pair()) == 8


@pytest.mark.parametrize("share", [0.0, 1e-3, 0.5, 0.999])
def test_a_truncated_file_is_refused_by_name_and_changes_nothing(saved, tmp_path, share):
    path = tmp_path / CHECKPOINT_FILE
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    model, optimizer = make_pair(seed=1)
    with pytest.raises(InputError, match=CHECKPOINT_FILE):
        load_checkpoint(tmp_path, model, optimizer)
    assert_equal(model, make_pair(seed=1)[0])


@pytest.mark.parametrize(
    "changes", [{"width": 32}, {"model": "para_former_2_6"}, {"model": "para_former_1_4"}, {"pool": "mean"}]
)
def test_the_state_of_another_network_is_refused_by_name_and_changes_nothing(saved, tmp_path, changes):
    model, optimizer = make_pair(seed=1, **changes)
    with pytest.raises(InputError, match=rf"{CHECKPOINT_FILE}.*expected.*found"):
        load_checkpoint(tmp_path, model, optimizer)
    assert_equal(model, make_pair(seed=1, **changes)[0])


@pytest.mark.parametrize("lost", ["epoch", "optimizer.0.", "optimizer."])
def test_a_file_that_lacks_a_part_is_refused_by_name(saved, tmp_path, lost):
    path = tmp_path / CHECKPOINT_FILE
    write_tensors(path, {name: tensor for name, tensor in read_tensors(path).items() if not name.startswith(lost)})
    with pytest.raises(InputError, match=CHECKPOINT_FILE):
        load_checkpoint(tmp_path, *make_pair())

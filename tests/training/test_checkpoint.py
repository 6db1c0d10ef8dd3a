"""A checkpoint gives back every tensor bit for bit; a file that is not whole or not ours gives way or is refused."""

import pytest
import torch

from para_former.errors import InputError
from para_former.models.saving import read_tensors, write_tensors
from para_former.training.checkpoint import (
    CHECKPOINT_FILE,
    NEXT_FILE,
    PREVIOUS_FILE,
    checksum,
    load_checkpoint,
    remove_checkpoints,
    save_checkpoint,
)

STATE = {
    "weights": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)),
    "half": torch.arange(5, dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "empty": torch.zeros(0),
}


def load(folder):
    """(state, epoch) or None, and the warnings."""
    warnings = []
    return load_checkpoint(folder, warnings.append), warnings


def assert_loads(folder, epoch):
    (state, found), _ = load(folder)
    assert found == epoch and state.keys() == STATE.keys()
    for name in STATE:
        assert torch.equal(state[name], STATE[name]) and state[name].dtype == STATE[name].dtype


def test_every_tensor_comes_back_bit_for_bit(tmp_path):
    save_checkpoint(tmp_path, STATE, 3)
    assert_loads(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path):
    for epoch in range(4):
        save_checkpoint(tmp_path, STATE, epoch)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CHECKPOINT_FILE, PREVIOUS_FILE])
    assert_loads(tmp_path, 3)
    (tmp_path / CHECKPOINT_FILE).unlink()
    assert_loads(tmp_path, 2)
    remove_checkpoints(tmp_path)
    assert load(tmp_path) == (None, [])


def test_a_write_that_fails_leaves_the_one_before_a_broken_one_alone(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, STATE, 1)
    save_checkpoint(tmp_path, STATE, 2)
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"broken")

    def fail(*_, **__):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr("para_former.training.checkpoint.write_tensors", fail)
        save_checkpoint(tmp_path, STATE, 2)
    assert_loads(tmp_path, 1)


@pytest.mark.parametrize("share", [0.0, 1e-3, 0.5, 0.999])
def test_a_truncated_file_gives_way_to_the_one_before_in_one_line(tmp_path, share):
    save_checkpoint(tmp_path, STATE, 1)
    save_checkpoint(tmp_path, STATE, 2)
    path = tmp_path / CHECKPOINT_FILE
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    (_, epoch), warnings = load(tmp_path)
    assert epoch == 1
    assert len(warnings) == 1 and str(path) in warnings[0] and "\n" not in warnings[0]


def test_a_single_flipped_bit_is_noticed(tmp_path):
    save_checkpoint(tmp_path, STATE, 1)
    path = tmp_path / CHECKPOINT_FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    found, (warning,) = load(tmp_path)
    assert found is None and "checksum" in warning


def test_a_file_of_ours_without_a_checksum_is_not_trusted(tmp_path):
    save_checkpoint(tmp_path, STATE, 1)
    path = tmp_path / CHECKPOINT_FILE
    write_tensors(path, read_tensors(path))
    assert load(tmp_path)[0] is None


def test_the_checksum_knows_names_types_and_shapes_but_no_order():
    values = torch.zeros(4)
    same = checksum({"a": values, "b": STATE["weights"]})
    assert checksum({"b": STATE["weights"], "a": values}) == same
    for other in ({"c": values}, {"a": values.view(2, 2)}, {"a": values.int()}, {"a": values + 1}):
        assert checksum({"b": STATE["weights"], **other}) != same


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, STATE, 1)

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, STATE, 2)
    assert_loads(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


def test_a_broken_file_is_an_input_error_for_those_who_read_it_alone(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"no tensors")
    with pytest.raises(InputError, match="x.safetensors: not a whole safetensors file"):
        read_tensors(tmp_path / "x.safetensors")


def test_one_that_was_whole_and_not_yet_renamed_is_the_newest(tmp_path):
    save_checkpoint(tmp_path, STATE, 1)
    save_checkpoint(tmp_path, STATE, 2)
    (tmp_path / CHECKPOINT_FILE).rename(tmp_path / NEXT_FILE)  # a kill between the two renames
    assert_loads(tmp_path, 2)
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"broken")
    assert load(tmp_path)[1] == []
    (tmp_path / NEXT_FILE).write_bytes(b"broken")
    assert_loads(tmp_path, 1)
    assert len(load(tmp_path)[1]) == 2

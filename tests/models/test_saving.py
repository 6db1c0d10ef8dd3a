"""A network as a folder: what is saved is what is loaded, and a broken folder is refused in one line."""

import dataclasses
import json

import pytest
import torch

import para_former as pf
from para_former.models.saving import write_tensors
from tests.networks import images_for, small_network


@pytest.mark.parametrize(
    "fields", [{}, {"depth": 2, "pool": "mean", "image_size": (8, 12)}, {"num_classes": 0}, {"stem": "conv"}]
)
def test_loading_gives_the_network_that_was_saved(tmp_path, fields):
    model = small_network(torch.float32, **fields)
    pf.save(model, tmp_path / "new" / "folder")
    loaded = pf.load(tmp_path / "new" / "folder")
    assert loaded.config == model.config and not loaded.training
    assert torch.equal(loaded(images_for(model)), model(images_for(model)))
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["config.json", "model.safetensors"]


def test_every_tensor_comes_back_in_its_own_number_format(tmp_path):
    model = small_network(torch.float32, stem="conv").bfloat16()
    model.norm.float(), model.head.float()
    pf.save(model, tmp_path)
    loaded = pf.load(tmp_path)
    formats = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    assert {name: tensor.dtype for name, tensor in loaded.state_dict().items()} == formats
    assert len(set(formats.values())) == 3 and all(parameter.requires_grad for parameter in loaded.parameters())


def test_whole_numbers_are_no_weights(tmp_path):
    pf.save(model := small_network(torch.float32), tmp_path)
    write_tensors(tmp_path / "model.safetensors", model.state_dict() | {"head.bias": torch.ones(5, dtype=torch.int32)})
    with pytest.raises(pf.InputError, match="'head.bias': expected numbers like torch.float32, found torch.int32"):
        pf.load(tmp_path)


def test_a_compiled_network_is_saved_under_its_own_names(tmp_path, no_shape_checks):
    model = small_network(torch.float32)
    pf.save(torch.compile(model), tmp_path)
    assert torch.equal(pf.load(tmp_path)(images_for(model)), model(images_for(model)))


def test_a_head_that_the_configuration_does_not_describe_is_refused_and_nothing_written(tmp_path):
    model = small_network(torch.float32)
    model.head = torch.nn.Linear(24, 37)
    with pytest.raises(pf.InputError, match=r"model: .*'head.bias': expected shape \[5\], found \[37\]"):
        pf.save(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_room_leaves_the_network_that_was_there(tmp_path, monkeypatch):
    before, after = small_network(torch.float32), small_network(torch.float32, layers=3)
    pf.save(before, tmp_path)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr("os.fsync", fail)
        pf.save(after, tmp_path)
    assert pf.load(tmp_path).config == before.config


def test_a_configuration_from_before_there_were_stems_is_one_with_patches(tmp_path):
    model = small_network(torch.float32)
    pf.save(model, tmp_path)
    path = tmp_path / "config.json"
    fields = json.loads(path.read_text())
    assert fields.pop("stem") == "patch"
    path.write_text(json.dumps(fields))
    assert pf.load(tmp_path).config == model.config


def test_a_truncated_file_is_refused_by_name(tmp_path):
    pf.save(small_network(torch.float32), tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(pf.InputError, match="model.safetensors: not a whole safetensors file"):
        pf.load(tmp_path)


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    pf.save(small_network(torch.float32), tmp_path)
    write_tensors(tmp_path / "model.safetensors", small_network(torch.float32, layers=3).state_dict())
    with pytest.raises(pf.InputError, match=r"levels.0.attn.proj.bias.*expected shape \[6, 24\], found \[3, 24\]"):
        pf.load(tmp_path)


def test_a_network_of_more_levels_than_there_are_weights_for_is_not_built(tmp_path):
    pf.save(small_network(torch.float32), tmp_path)
    (tmp_path / "config.json").write_text(configuration(depth=10**7, layers=10**7))
    with pytest.raises(pf.InputError, match="model.safetensors: expected 10000000 levels, found 1"):
        pf.load(tmp_path)


@pytest.mark.parametrize("sizes", [{"width": 3 * 10**12}, {"num_classes": 10**19}, {"layers": 10**30}])
def test_sizes_that_no_network_can_have_are_refused_by_name(tmp_path, sizes):
    pf.save(small_network(torch.float32), tmp_path)
    (tmp_path / "config.json").write_text(configuration(**sizes))
    with pytest.raises(pf.InputError, match="config.json: no network has these sizes: "):
        pf.load(tmp_path)


def configuration(**changes):
    return json.dumps(dataclasses.asdict(small_network().config) | changes)


BROKEN = {
    "{": "Expecting property name",
    "[]": "'attention_dropout' is missing",
    "7": "not iterable",
    '{"image_size": 8}': "'attention_dropout' is missing",
    "[" * 100_000: "recursion",
    configuration(wings=2): "wings",
    configuration(image_size=[8]): "image_size: expected a whole number, or .* found .8",
    configuration(width=24.0): "width: expected a whole number of at least 1, found 24.0",
}


@pytest.mark.parametrize(("text", "told"), BROKEN.items())
def test_a_broken_configuration_is_refused_by_name(tmp_path, text, told, no_shape_checks):
    pf.save(small_network(torch.float32), tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(pf.InputError, match=f"config.json: not the configuration of a Para-Former: .*{told}"):
        pf.load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_in_place_of_a_file_is_refused_by_name(tmp_path, name):
    pf.save(small_network(torch.float32), tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(pf.InputError, match=f"{name}: Is a directory"):
        pf.load(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(pf.InputError, match="file: no config.json there"):
        pf.load(tmp_path / "file")
    with pytest.raises(pf.InputError, match="file: expected a folder to write into, found a file"):
        pf.save(small_network(), tmp_path / "file")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_number_format_is_kept(tmp_path, dtype):
    model = small_network(dtype)
    pf.save(model, tmp_path)
    assert torch.equal(pf.load(tmp_path)(images_for(model)), model(images_for(model)))


def test_a_folder_without_a_network_is_refused(tmp_path):
    with pytest.raises(pf.InputError, match="no config.json there"):
        pf.load(tmp_path)

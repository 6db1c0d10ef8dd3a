"""A configuration is possible or refused in words; what is recorded of it is what decides the numbers."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.data import SPECS, Augment, get_spec
from para_former.errors import InputError
from para_former.models import ModelConfig, ParaFormer
from para_former.training.config import PLACES, TrainConfig
from para_former.training.recipes import RECIPES, get_recipe
from tests.training.helpers import tiny_run

numbers = st.floats(-1, 2) | st.sampled_from([float("nan"), float("inf"), float("-inf")])
counts = st.integers(-2, 40)
CHOICES = {
    "model": st.sampled_from(["para_former_1_6", "para_former_4_6", "para_former_0_6", "para_former", "vit", ""]),
    "epochs": counts,
    "batch_size": counts,
    "lr": numbers,
    "warmup_epochs": numbers,
    "weight_decay": numbers,
    "label_smoothing": numbers,
    "optimizer": st.sampled_from(["adamw", "adam", "sgd"]),
    "schedule": st.sampled_from(["cosine", "constant"]),
    "clip_norm": numbers,
    "ema": numbers,
    "accumulate": counts,
    "patch_size": counts,
    "width": st.none() | counts,
    "heads": st.none() | counts,
    "stem": st.sampled_from(["patch", "conv"]),
    "pool": st.sampled_from(["cls", "mean"]),
    "merge": st.sampled_from(["sum", "mean", "residual"]),
    "residual": st.sampled_from(["standard", "normed"]),
    "dropout": numbers,
    "attention_dropout": numbers,
    "drop_path": numbers,
    "seed": st.integers(-2, 2**70),
}


some_fields = st.lists(st.sampled_from(sorted(CHOICES)), max_size=2, unique=True)  # more are rarely possible together


@given(some_fields.flatmap(lambda names: st.fixed_dictionaries({name: CHOICES[name] for name in names})))
@settings(max_examples=300)
def test_a_configuration_is_possible_or_refused(changes):
    try:
        config = TrainConfig(dataset="digits", **changes)
        network = config.network(SPECS["digits"])
    except InputError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert all(getattr(config, name) == value for name, value in changes.items())
    assert network.image_size % network.patch_size == 0 and network.width % network.heads == 0
    round(config.warmup_epochs * 10)
    torch.manual_seed(config.seed)
    json.dumps(config.conditions(), allow_nan=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("train_images", 0),
        ("pretrained", ""),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", -1e-3),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("warmup_epochs", -0.5),
        ("warmup_epochs", float("inf")),
        ("weight_decay", -0.1),
        ("weight_decay", float("inf")),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("clip_norm", -1.0),
        ("clip_norm", float("inf")),
        ("ema", -0.1),
        ("ema", 1.0),
        ("accumulate", 0),
        ("seed", -1),
        ("seed", 2**64),
    ],
)
def test_an_impossible_value_is_refused_by_name_and_value(name, value):
    with pytest.raises(InputError) as error:
        tiny_run(**{name: value})
    assert name in str(error.value) and str(value) in str(error.value)


def test_an_unknown_precision_is_refused_without_a_type_checker_too(no_shape_checks):
    with pytest.raises(InputError, match="precision.*float32.*float16"):
        tiny_run(precision="float16")


NETWORK_FIELDS = {field.name for field in fields(ModelConfig)} - {"image_size"}  # the spec has it


@pytest.mark.parametrize("name", [name for name in sorted(NETWORK_FIELDS) if hasattr(TrainConfig, name)])
def test_every_field_of_the_network_that_a_run_can_set_reaches_the_network(name):
    other = {"patch_size": 2, "width": 8, "heads": 1, "stem": "conv", "pool": "mean"}
    other |= {"merge": "residual", "residual": "normed"}
    value = other.get(name, 0.25)
    assert getattr(tiny_run(**{name: value}).network(SPECS["digits"]), name) == value


@pytest.mark.parametrize("dataset", SPECS)
def test_the_network_fits_the_data_set(dataset):
    spec = SPECS[dataset]
    network = tiny_run(dataset=dataset).network(spec)
    found = (network.image_size, network.in_channels, network.num_classes)
    assert found == (spec.image_size, spec.channels, len(spec.classes))


def test_conditions_survive_json_and_contain_no_place():
    config = tiny_run(data_root=Path("/somewhere"), output=Path("/elsewhere"))
    conditions = json.loads(json.dumps(config.conditions()))
    assert config.first_difference(conditions) is None
    names = {field.name for field in (*fields(TrainConfig), *fields(Augment))}
    assert conditions.keys() == names - {"augment", *PLACES}
    assert "where" not in json.dumps(conditions)


def test_only_what_decides_the_numbers_is_a_difference():
    conditions = json.loads(json.dumps(tiny_run().conditions()))
    moved = tiny_run(data_root=Path("a"), output=Path("b"), device="cuda", resume=True)
    assert moved.first_difference(conditions) is None
    difference = tiny_run(lr=0.5).first_difference(conditions)
    assert "lr" in difference and "0.5" in difference and "0.004" in difference


def test_a_setting_that_the_record_does_not_know_is_a_difference():
    conditions = json.loads(json.dumps(tiny_run().conditions()))
    del conditions["drop_path"]
    assert "drop_path" in tiny_run().first_difference(conditions)


def test_where_a_batch_norm_looks_at_parts_their_number_is_a_condition():
    whole, parts = (tiny_run(stem="conv", accumulate=count) for count in (1, 2))
    assert parts.first_difference(whole.conditions()) == "accumulate is 1 there and 2 here"
    assert tiny_run(accumulate=2).first_difference(tiny_run().conditions()) is None


def test_a_record_from_before_there_were_stems_is_one_with_patches():
    conditions = json.loads(json.dumps(tiny_run().conditions()))
    del conditions["stem"]
    assert tiny_run().first_difference(conditions) is None
    assert tiny_run(stem="conv").first_difference(conditions) == "stem is 'patch' there and 'conv' here"


def test_runs_of_different_models_and_seeds_lie_in_different_folders():
    runs = [tiny_run(output=None, model=m, seed=s) for m in ("para_former_1_6", "para_former_2_6") for s in (0, 1)]
    assert len({run.folder() for run in runs}) == 4
    assert replace(runs[0], output=Path("mine")).folder() == Path("mine")


@pytest.mark.parametrize("dataset", SPECS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_gives_a_network_for_every_data_set(recipe, dataset):
    config = get_recipe(recipe, dataset)
    assert (config.recipe, config.dataset) == (recipe, dataset)
    with torch.device("meta"):
        network = ParaFormer(config.network(get_spec(dataset, config.image_size)))
    assert network.num_classes == SPECS[dataset].num_classes


@pytest.mark.parametrize(("recipe", "dataset"), [("magic", "digits"), ("basic", "mnist")])
def test_an_unknown_recipe_or_data_set_is_refused_with_the_known_ones(recipe, dataset):
    with pytest.raises(
        InputError,
        match="'(magic|mnist)': expected one of (basic, paper, paper-short, shallow, |digits, cifar10, cifar100, )",
    ):
        get_recipe(recipe, dataset)


@pytest.mark.parametrize("named", ["folder:birds", "folder:birds/", "folder:./pictures/birds", "folder:birds/wings/.."])
def test_a_folder_of_pictures_gives_its_last_name_to_its_runs(named):
    assert get_recipe("basic", "digits").dataset_label() == "digits"
    assert TrainConfig(dataset=named).dataset_label() == "folder-birds"


@pytest.mark.parametrize(
    "change", [{"precision": "bf16"}, {"skip_corrupt": True}, {"train_images": 200}, {"dropout": 0.2}], ids=str
)
def test_what_decides_the_numbers_may_not_change_on_resume(change):
    (name,) = change
    assert tiny_run(**change).first_difference(tiny_run().conditions()).startswith(f"{name} is")


def test_a_run_has_its_place_by_data_set_recipe_network_and_seed():
    assert tiny_run(output=None, recipe="shallow", seed=3).folder() == Path("runs/digits/shallow/para_former_2_4-s3")


@pytest.mark.parametrize("recipe", RECIPES)
def test_digits_are_never_mirrored_and_all_other_sets_are_but_in_fine_tuning(recipe):
    assert not get_recipe(recipe, "digits").augment.flip
    assert get_recipe(recipe, "stl10").augment.flip == (recipe != "finetune")

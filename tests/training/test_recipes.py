"""Recipes are what they were when the committed runs were trained, and what their sources say."""

from dataclasses import replace
from pathlib import Path

import pytest

from para_former.data import SPECS, get_spec, spec_from_record
from para_former.records import ABLATION, FINGERPRINT, STUDIES, read_records
from para_former.training.ablation import changed
from para_former.training.fingerprint import variants
from para_former.training.recipes import RECIPES, changed_settings, get_recipe, with_model

RESULTS = Path(__file__).parents[2] / "results"
COMMITTED = {path.parent: read_records(path)[0] for path in sorted(RESULTS.glob("*/*/**/record.jsonl"))}
CHOSEN = ("epochs", "seed", "precision", "train_images", "pretrained")  # on the command line, not by a recipe


def committed_runs(belongs):
    for folder, line in COMMITTED.items():
        if belongs(line["recipe"]):
            yield pytest.param(folder, line, id=folder.relative_to(RESULTS).as_posix())


@pytest.mark.parametrize(("folder", "line"), list(committed_runs(lambda recipe: recipe in RECIPES)))
def test_a_recipe_is_what_it_was_when_its_committed_runs_were_trained(folder, line):
    """Else the figures in the docs are no longer those of the recipe."""
    config = with_model(get_recipe(line["recipe"], line["dataset"]), line["model"])
    own, chosen = config.conditions(), (*CHOSEN, *line.get("changed", ()))
    assert config.first_difference({**line["config"], **{name: own[name] for name in chosen}}) is None


@pytest.mark.parametrize(("folder", "line"), list(committed_runs(lambda recipe: recipe.endswith(STUDIES))))
def test_a_study_is_what_it_was_when_its_committed_runs_were_trained(folder, line):
    if line["recipe"] == FINGERPRINT:
        study, recipe = variants, "paper" if line["config"]["lr"] == 1e-4 else "paper-short"
    else:
        study, recipe = changed, line["recipe"].removesuffix(ABLATION)
    config = with_model(dict(study(get_recipe(recipe, line["dataset"])))[folder.parent.name], line["model"])
    own = config.conditions()
    assert config.first_difference({**line["config"], **{name: own[name] for name in CHOSEN}}) is None


def test_a_data_set_is_what_it_was_when_its_committed_runs_were_trained():
    for folder, line in COMMITTED.items():
        if not line.get("pretrained"):  # whose inputs are those of other data
            assert spec_from_record(line["spec"]) == get_spec(line["dataset"], line["config"]["image_size"]), folder


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", ["para_former_2_24", "para_former_base_1_6"])
def test_a_run_of_a_recipe_as_it_is_changes_nothing_whatever_it_is_a_run_of(recipe, model):
    for dataset in SPECS:
        run = with_model(get_recipe(recipe, dataset), model)
        chosen = {"epochs": 1, "seed": 7, "precision": "fp16", "train_images": 100, "pretrained": "timm:name"}
        assert changed_settings(replace(run, **chosen, output=Path("here"), skip_corrupt=True)) == []


def test_what_a_run_changes_is_named_augmentation_too():
    run = get_recipe("shallow", "flowers102")
    changes = {"lr": 2e-3, "augment": replace(run.augment, mixup=0.0, cutmix=0.0), "width": 96, "stem": "conv"}
    assert changed_settings(replace(run, **changes)) == ["cutmix", "lr", "mixup", "stem", "width"]


def test_parts_of_a_batch_are_a_change_where_a_batch_norm_sees_them():
    run = replace(get_recipe("shallow", "cifar10"), accumulate=2)
    assert changed_settings(run) == []
    assert changed_settings(replace(run, stem="conv")) == ["accumulate", "stem"]


def test_a_study_has_a_name_for_what_it_changes():
    for study, recipe in ((variants, "paper"), (changed, "shallow")):
        assert {tuple(changed_settings(run)) for _, run in study(get_recipe(recipe, "cifar10"))} == {()}


def test_epochs_are_those_of_the_paper_and_of_the_docs():
    epochs = [get_recipe(name, "cifar10").epochs for name in ("paper", "paper-short", "finetune")]
    assert epochs == [500, 10, 10]


def test_fine_tuning_has_the_settings_that_it_cites():
    run = get_recipe("finetune", "cifar10")
    assert (run.optimizer, run.lr, run.batch_size, run.epochs, run.schedule) == ("sgd", 3e-2, 512, 10, "cosine")
    assert (run.clip_norm, run.dropout, run.weight_decay, run.label_smoothing) == (1.0, 0.1, 0.0, 0.0)
    assert (run.augment.crop_scale, run.augment.flip, run.image_size, run.patch_size) == ((0.05, 1.0), False, 224, 16)


def test_a_name_that_says_its_size_has_its_own_heads_whatever_the_recipe():
    run = with_model(get_recipe("basic", "digits"), "para_former_small_2_2")  # 64 numbers and 4 heads of its own
    network = run.network(SPECS["digits"])
    assert (network.width, network.heads) == (384, 6)


def test_the_papers_augmentation_is_that_of_the_recipe_paper():
    run = dict(changed(get_recipe("shallow", "cifar10")))["paper-augmentation"]
    theirs = get_recipe("paper", "cifar10").augment
    assert run.augment == theirs

"""A run that starts from pretrained weights: exactly these, with the inputs they expect, once, and by name."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from timm.models import _hub

import para_former as pf
from para_former.data import DeviceSplit, evaluation_batches, get_spec, load_dataset
from para_former.errors import InputError
from para_former.evaluation import classify
from para_former.models import ModelConfig
from para_former.models.pretrained import read_pretrained
from para_former.records import read_records, write_records
from para_former.training import loop
from para_former.training.datasets import dataset_of
from para_former.training.recipes import get_recipe
from para_former.training.run import run_line
from para_former.training.start import Start
from tests.models.published import noisy_vit, write_google
from tests.training.helpers import lines_of, outcome, tiny_run, train_quietly

STEPS = 3  # of one epoch
CONFIG = ModelConfig(depth=4, layers=4, image_size=16, patch_size=4, width=16, heads=2, num_classes=7)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """The folder of a finished run: Para-F-2-4 on the digits."""
    return train_quietly(
        tiny_run(epochs=1, batch_size=400, seed=9, output=tmp_path_factory.mktemp("earlier") / "earlier-run")
    )


@pytest.fixture
def google(tmp_path):
    """A ViT for 16x16 colour images in Google's layout, of the width and layers of `tiny_run`."""
    return write_google(tmp_path / "ViT-tiny.npz", noisy_vit(CONFIG))


def fine_tuning(source, **changes):
    return tiny_run(**{"pretrained": str(source), "epochs": 2, "batch_size": 400, **changes})


@pytest.fixture
def before_the_first_step(monkeypatch):
    """A run up to its first step: what learns, and the images that it would see first."""

    def start(config):
        seen = []

        def step(learner, images, labels, lr):
            seen.extend([learner, images])
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(loop.Learner, "step", step)
            train_quietly(config)
        return seen

    return start


def test_fine_tuning_starts_from_the_weights_of_the_run_exactly(earlier, before_the_first_step):
    theirs = pf.load(earlier)
    learner, images = before_the_first_step(fine_tuning(earlier, seed=1))
    assert learner.network is not learner.model  # the average of the weights
    for model in (learner.model.eval(), learner.network.eval()):
        torch.testing.assert_close(model(images), theirs(images), rtol=0, atol=0)
        torch.testing.assert_close(model.forward_features(images), theirs.forward_features(images), rtol=0, atol=0)
    fresh, _ = before_the_first_step(tiny_run(seed=1, output=Path("fresh")))
    assert (fresh.model.eval()(images) - theirs(images)).abs().max() > 1e-2


def test_fine_tuning_at_another_size_starts_from_the_same_blocks(earlier, before_the_first_step):
    learner, images = before_the_first_step(fine_tuning(earlier, image_size=16, patch_size=2))
    assert images.shape[2:] == (16, 16) and learner.model.config.tokens == 65
    pairs = zip(learner.model.levels.named_parameters(), pf.load(earlier).levels.parameters(), strict=True)
    for (name, ours), theirs in pairs:
        assert torch.equal(ours, theirs), name


def test_fine_tuning_from_googles_file_trains_with_the_inputs_that_it_expects(google):
    folder = train_quietly(fine_tuning(google))
    line, (test,) = run_line(folder), lines_of(folder, "test")
    assert (line["spec"]["mean"], line["spec"]["std"]) == ([0.5], [0.5])
    assert line["config"]["pretrained"] == line["pretrained"]["name"] == google.name
    figures = {}
    for name, dataset in {"recorded": dataset_of(line, None), "the data set's": load_dataset("digits")}.items():
        batches = evaluation_batches(DeviceSplit.from_split(dataset.test, "cpu"), dataset.spec, batch_size=100)
        figures[name] = classify(pf.load(folder), batches, 10)
    assert test["confusion"] == figures["recorded"]["confusion"]
    assert test["loss"] == pytest.approx(figures["recorded"]["loss"], rel=1e-4)
    assert test["loss"] != pytest.approx(figures["the data set's"]["loss"], rel=1e-4)


def test_the_inputs_of_a_run_are_those_of_its_record(earlier, tmp_path):
    """A run that was itself fine-tuned hands its inputs on, not its data set's."""
    changed = shutil.copytree(earlier, tmp_path / "changed")
    line, *others = read_records(changed / "record.jsonl")
    write_records(changed / "record.jsonl", [{**line, "spec": {**line["spec"], "mean": [0.1], "std": [0.7]}}, *others])
    spec = run_line(train_quietly(fine_tuning(changed, epochs=1)))["spec"]
    assert (spec["mean"], spec["std"]) == ([0.1], [0.7])


def test_a_folder_without_a_record_leaves_the_inputs_to_the_data_set(earlier):
    pf.save(pf.load(earlier), "bare")
    line = run_line(train_quietly(fine_tuning("bare", epochs=1)))
    assert tuple(line["spec"]["mean"]) == load_dataset("digits").spec.mean
    assert line["pretrained"].keys() == {"name", "sha256"}


def test_the_record_names_the_weights_by_name_and_content_and_not_by_place(earlier, tmp_path):
    first = run_line(train_quietly(fine_tuning(earlier, epochs=1)))
    assert first["pretrained"]["name"] == "earlier-run" and first["pretrained"]["dataset"] == "digits"
    assert str(earlier.parent) not in json.dumps(first)
    assert fine_tuning(earlier / "..").pretrained_name() == earlier.parent.name
    other = train_quietly(tiny_run(epochs=1, batch_size=400, seed=8, output=tmp_path / "other" / "earlier-run"))
    second = run_line(train_quietly(fine_tuning(other, epochs=1, output=Path("second"))))
    assert second["pretrained"]["sha256"] != first["pretrained"]["sha256"]
    assert run_line(train_quietly(tiny_run(epochs=1, batch_size=400, output=Path("fresh"))))["pretrained"] is None


@pytest.fixture
def lent(earlier, tmp_path):
    """A copy of the earlier run that may go away or change."""
    return shutil.copytree(earlier, tmp_path / "lent")


def test_a_resumed_run_needs_the_pretrained_weights_no_more(lent, stop_at):
    whole = outcome(train_quietly(fine_tuning(lent, output=Path("whole"))))
    with stop_at("learning_rate", STEPS + 2):
        train_quietly(fine_tuning(lent))
    shutil.rmtree(lent)
    assert outcome(train_quietly(fine_tuning(lent, resume=True))) == whole


def test_a_run_stopped_before_its_first_checkpoint_starts_from_the_same_weights_or_not_at_all(lent, stop_at):
    whole = outcome(train_quietly(fine_tuning(lent, output=Path("whole"))))
    with stop_at("learning_rate", 2):
        train_quietly(fine_tuning(lent))
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    moved = lent.rename(lent.with_name("away"))
    with pytest.raises(InputError, match="lent: expected timm:NAME.*found nothing there"):
        train_quietly(fine_tuning(lent, resume=True))
    shutil.copytree(train_quietly(tiny_run(epochs=1, batch_size=400, output=Path("other"))), lent)
    with pytest.raises(InputError, match="lent: expected the weights that run started from, found others"):
        train_quietly(fine_tuning(lent, resume=True))
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before
    shutil.rmtree(lent)
    moved.rename(lent)
    assert outcome(train_quietly(fine_tuning(lent, resume=True))) == whole


def test_resuming_from_weights_of_another_name_is_refused(lent, stop_at):
    with stop_at("learning_rate", STEPS + 2):
        train_quietly(fine_tuning(lent))
    for other in ("elsewhere", None):
        with pytest.raises(InputError, match="pretrained is 'lent' there and"):
            train_quietly(replace(fine_tuning(lent, resume=True), pretrained=other))


def test_weights_that_do_not_fit_leave_no_folder(earlier):
    with pytest.raises(InputError, match="earlier-run: expected the network's layers 6, found layers 4"):
        train_quietly(fine_tuning(earlier, model="para_former_2_6"))
    assert not Path("run").exists()


def test_the_network_of_the_recipe_takes_the_weights_of_table_4(monkeypatch):
    """Up to their download: sizes are compared before."""
    config = get_recipe("finetune", "cifar10")
    monkeypatch.setattr(_hub, "hf_hub_download", lambda *_, **__: 1 / 0)
    with pytest.raises(InputError, match="timm cannot load it: division by zero"), torch.device("meta"):
        read_pretrained("timm:vit_base_patch16_224.orig_in21k", config.network(get_spec("cifar10", config.image_size)))


def test_grey_images_are_normalised_by_the_means_over_the_colours():
    start = Start({"name": "colours"}, ((0.4, 0.5, 0.9), (0.1, 0.2, 0.6)))
    spec = start.inputs(load_dataset("digits")).spec
    assert (*spec.mean, *spec.std) == pytest.approx((0.6, 0.3))

"""A run leaves what it documents, learns, refuses to overwrite, and stops before it keeps a broken state."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import para_former as pf
from para_former.data import Augment, DeviceSplit, evaluation_batches, load_dataset, training_batches
from para_former.errors import InputError
from para_former.evaluation import classify
from para_former.models.saving import read_tensors
from para_former.training import datasets, loop
from para_former.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from para_former.training.datasets import dataset_of, split_line
from para_former.training.deadline import Deadline
from para_former.training.device import expect_sound_compiler, pick_device
from para_former.training.optim import learning_rate
from para_former.training.run import run_line
from para_former.training.step import Learner
from tests.training.helpers import lines_of, outcome, tiny_run, train_quietly

FILES = {"config.json", "model.safetensors", "record.jsonl"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its configuration, which names its folder."""
    config = tiny_run(output=tmp_path_factory.mktemp("finished") / "run")
    train_quietly(config)
    return config


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def figures(config, split):
    """Figures of the saved network on one split."""
    dataset = load_dataset(config.dataset)
    device_split = DeviceSplit.from_split(getattr(dataset, split), "cpu")
    batches = evaluation_batches(device_split, dataset.spec, batch_size=100)
    return classify(pf.load(config.folder()), batches, dataset.spec.num_classes)


def test_a_finished_run_holds_the_network_and_the_record_and_nothing_else(finished):
    assert names_in(finished.folder()) == FILES


def test_the_record_is_the_run_then_every_epoch_then_the_test_once(finished):
    lines = lines_of(finished.folder())
    assert [line["kind"] for line in lines] == ["run", "epoch", "epoch", "epoch", "test"]
    assert [line["epoch"] for line in lines[1:]] == [1, 2, 3, 3]


def test_the_run_line_says_what_was_run_on_what_and_where(finished):
    line, dataset, model = run_line(finished.folder()), load_dataset("digits"), pf.load(finished.folder())
    assert (line["model"], line["depth"], line["layers"]) == ("para_former_2_4", 2, 4)
    assert (line["dataset"], line["recipe"], line["seed"], line["epochs"]) == ("digits", "basic", 0, 3)
    assert line["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert line["config"] == finished.conditions()
    assert pf.ModelConfig(**line["model_config"]) == model.config
    sizes = {"train": 1365, "validation": 72, "test": 360}
    assert line["split"] == {**sizes, "hash": dataset.split_hash, "labels": split_line(dataset)["labels"]}
    assert line["environment"].keys() >= {"hardware", "versions", "commit", "time", "device", "threads"}


def test_a_run_on_part_of_the_images_says_so_and_is_known_by_its_record(finished):
    config = tiny_run(train_images=200, epochs=1, output=Path("part"))
    line, dataset = run_line(train_quietly(config)), load_dataset("digits", train_images=200)
    assert line["config"]["train_images"] == 200
    sizes = {"train": 200, "validation": 72, "test": 360}
    assert line["split"] == {**sizes, "hash": dataset.split_hash, "labels": split_line(dataset)["labels"]}
    assert line["split"]["hash"] != run_line(finished.folder())["split"]["hash"]
    assert dataset_of(line, None).split_hash == dataset.split_hash


def test_a_record_from_before_there_was_a_choice_of_images_is_one_of_all(finished):
    line = run_line(finished.folder())
    assert line["config"].pop("train_images") is None
    assert len(dataset_of(line, None).train) == 1365


def test_other_images_than_those_trained_on_are_refused(tmp_path):
    """Pictures that came later, or a class under another name: part of the test split may have been trained on."""
    for number in range(40):
        (tmp_path / "pictures" / "ab"[number % 2]).mkdir(exist_ok=True, parents=True)
        Image.new("L", (8, 8), 6 * number).save(tmp_path / "pictures" / "ab"[number % 2] / f"{number}.png")
    config = tiny_run(dataset=f"folder:{tmp_path / 'pictures'}", image_size=8, batch_size=8, epochs=2)
    line = run_line(train_quietly(config, deadline=Deadline(1e-9)))
    assert len(dataset_of(line, None).train) == 30
    (tmp_path / "pictures" / "b").rename(tmp_path / "pictures" / "c")
    with pytest.raises(InputError, match=r"pictures: expected the images .* found others: classes \['a', 'b'\] in its"):
        dataset_of(line, None)
    (tmp_path / "pictures" / "c").rename(tmp_path / "pictures" / "b")
    (tmp_path / "pictures" / "a" / "0.png").rename(tmp_path / "pictures" / "a" / "zz.png")
    with pytest.raises(InputError, match="found others: hash [0-9a-f]+ in its record, [0-9a-f]+ here"):
        dataset_of(line, None)
    (tmp_path / "pictures" / "a" / "zz.png").rename(tmp_path / "pictures" / "a" / "0.png")
    Image.new("L", (8, 8)).save(tmp_path / "pictures" / "a" / "new.png")
    with pytest.raises(InputError, match="found others: (train|test) [0-9]+ in its record, [0-9]+ here"):
        train_quietly(replace(config, resume=True))


def test_official_images_in_another_order_are_refused(finished, monkeypatch):
    """Rows are numbered: in files of another layout the images of validation are others, seen in training."""
    line, digits = run_line(finished.folder()), load_dataset("digits")
    turned = replace(digits, train=replace(digits.train, labels=np.roll(digits.train.labels, 1)))
    monkeypatch.setattr(datasets, "load_dataset", lambda *arguments, **settings: turned)
    with pytest.raises(InputError, match="found others: labels [0-9a-f]+ in its record, [0-9a-f]+ here"):
        dataset_of(line, None)
    del line["split"]["labels"]  # a record from before it named them
    assert dataset_of(line, None).train is turned.train


@pytest.mark.parametrize(("batch_size", "accumulate", "most"), [(1000, 1, 500), (64, 1, 64), (65, 4, 17)])
def test_no_more_images_are_evaluated_at_once_than_trained_on(batch_size, accumulate, most):
    config, digits, sizes = tiny_run(batch_size=batch_size, accumulate=accumulate), load_dataset("digits"), []
    learner = Learner(pf.ParaFormer(config.network(digits.spec)), config, torch.device("cpu"))
    learner.network.register_forward_hook(lambda network, inputs, logits: sizes.append(len(logits)))
    loop.evaluate(learner, digits, DeviceSplit.from_split(digits.train, learner.device))
    assert max(sizes) == most and sum(sizes) == len(digits.train)


def test_epoch_lines_hold_finite_figures_and_the_rate_of_the_last_step(finished):
    steps = 1365 // finished.batch_size
    for line in lines_of(finished.folder(), "epoch"):
        last = line["epoch"] * steps - 1
        expected = learning_rate(last, peak=finished.lr, warmup=round(0.5 * steps), total=3 * steps, schedule="cosine")
        assert line["lr"] == pytest.approx(expected)
        assert math.isfinite(line["train_loss"]) and line["seconds"] > 0
        assert line["images_per_second"] == pytest.approx(steps * finished.batch_size / line["seconds"])


def test_recorded_figures_are_those_of_the_saved_network(finished):
    """The last epoch's validation and the test, computed anew from the files in other batches."""
    (test,) = lines_of(finished.folder(), "test")
    found = figures(finished, "test")
    for name in ("loss", "calibration_error"):
        assert test[name] == pytest.approx(found[name], rel=1e-4)
    for name in ("top1", "top5", "per_class_top1", "confusion"):
        assert test[name] == found[name]
    assert test["images"] == 360 and test["classes"] == list("0123456789")
    last, validation = lines_of(finished.folder(), "epoch")[-1], figures(finished, "validation")
    assert last["validation_top1"] == validation["top1"]
    assert last["validation_loss"] == pytest.approx(validation["loss"], rel=1e-4)


def test_samples_are_those_of_classes_of_the_data_set(finished):
    (test,) = lines_of(finished.folder(), "test")
    assert 1 <= len(test["samples"]) <= 3
    assert set(test["samples"]) <= set(test["classes"])


def test_the_record_names_no_place_of_the_machine(finished):
    text = (finished.folder() / "record.jsonl").read_text()
    assert not [
        place for place in (finished.folder().parent, Path.home(), Path(pf.__file__).parent) if str(place) in text
    ]


def test_the_same_run_again_gives_the_same_bits_and_another_seed_does_not(finished):
    assert outcome(train_quietly(replace(finished, output=Path("again")))) == outcome(finished.folder())
    other = train_quietly(replace(finished, output=Path("other"), seed=1))
    assert outcome(other)[0] != outcome(finished.folder())[0]


def test_a_second_start_in_the_same_folder_is_refused_and_changes_nothing(finished):
    before = {path: path.read_bytes() for path in finished.folder().iterdir()}
    with pytest.raises(InputError, match=str(finished.folder())):
        train_quietly(finished)
    assert {path: path.read_bytes() for path in finished.folder().iterdir()} == before


def test_every_epoch_and_every_seed_draws_random_numbers_of_its_own(monkeypatch):
    seeds, real = [], loop.training_batches

    def noting_batches(*arguments, **named):
        seeds.append(torch.initial_seed())
        return real(*arguments, **named)

    monkeypatch.setattr(loop, "training_batches", noting_batches)
    train_quietly(tiny_run(epochs=2, output=Path("first")))
    train_quietly(tiny_run(epochs=2, output=Path("second"), seed=1))
    assert len(set(seeds)) == len(seeds) == 4


def test_every_step_has_the_batch_and_the_rate_that_the_run_says(monkeypatch):
    """What a run learns from is what `training_batches` gives for its settings; its loss is the mean over the steps."""
    taken, real = [], loop.Learner.step

    def noting(learner, images, labels, lr):
        loss = real(learner, images, labels, lr)
        taken.append((images, labels, lr, learner.model.training, loss))
        return loss

    monkeypatch.setattr(loop.Learner, "step", noting)
    config = tiny_run(epochs=2, seed=3, ema=0.0)
    lines, dataset = lines_of(train_quietly(config), "epoch"), load_dataset("digits")
    split = DeviceSplit.from_split(dataset.train, "cpu")
    for epoch, line in enumerate(lines, start=1):
        steps = taken[10 * (epoch - 1) : 10 * epoch]
        batches = training_batches(split, dataset.spec, batch_size=128, seed=3, epoch=epoch, augment=config.augment)
        for number, ((images, labels, lr, training, _), (own, targets)) in enumerate(zip(steps, batches, strict=True)):
            assert training and torch.equal(images, own) and torch.equal(labels, targets)
            assert lr == learning_rate(10 * (epoch - 1) + number, peak=4e-3, warmup=5, total=20, schedule="cosine")
        assert line["train_loss"] == pytest.approx(torch.stack([step[-1] for step in steps]).mean().item())


def test_training_beats_chance_by_far():
    config = tiny_run(model="para_former_1_6", width=32, epochs=6, batch_size=32, augment=Augment(), ema=0.0)
    folder = train_quietly(replace(config, dropout=0.0, attention_dropout=0.0, drop_path=0.0))
    assert lines_of(folder, "test")[0]["top1"] > 80  # chance: 10; measured: 93
    losses = [line["train_loss"] for line in lines_of(folder, "epoch")]
    assert losses[-1] < losses[0] - 0.5


def test_bf16_trains_and_keeps_float32_weights():
    folder = train_quietly(tiny_run(precision="bf16", epochs=2, batch_size=32))
    first, second = lines_of(folder, "epoch")
    assert second["train_loss"] < first["train_loss"]
    assert {tensor.dtype for tensor in read_tensors(folder / "model.safetensors").values()} == {torch.float32}


def test_a_loss_that_is_not_finite_in_the_first_epoch_leaves_no_state():
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train_quietly(tiny_run(lr=1e30))
    assert names_in(Path("run")) == {"record.jsonl"}
    assert [line["kind"] for line in lines_of(Path("run"))] == ["run"]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_the_previous_checkpoint_kept(stop_at, poison):
    with stop_at("learning_rate", call=12):
        train_quietly(tiny_run())
    path = Path("run", CHECKPOINT_FILE)
    tensors, epoch = load_checkpoint(Path("run"), warn=pytest.fail)
    tensors["model.head.bias"][0] = poison
    path.unlink()
    save_checkpoint(Path("run"), tensors, epoch)
    before = path.read_bytes()
    with pytest.raises(FloatingPointError, match="epoch 2"):
        train_quietly(tiny_run(resume=True))
    assert path.read_bytes() == before
    assert names_in(Path("run")) == {"record.jsonl", CHECKPOINT_FILE}
    text = Path("run", "record.jsonl").read_text()
    assert [json.loads(line)["kind"] for line in text.splitlines()] == ["run", "epoch", "resumed"]
    assert "NaN" not in text and "Infinity" not in text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"heads": 3}, "heads"),
        ({"patch_size": 3}, "patch_size"),
        ({"model": "para_former_4_6"}, "depth"),
        ({"device": "cuda:77"}, "cuda:77"),
    ],
)
def test_a_run_that_cannot_be_leaves_no_folder(changes, named):
    with pytest.raises(InputError, match=named):
        train_quietly(tiny_run(**changes))
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["banana", "", "cuda:77", "meta"])
def test_a_device_that_is_not_there_or_cannot_train_is_refused_by_name(name):
    with pytest.raises(InputError, match=f"device: expected .* cannot compute on '{name}'"):
        pick_device(name)


def test_what_would_be_compiled_wrongly_is_refused():
    with pytest.raises(InputError, match="compile: expected a CPU.*found cuda"):
        expect_sound_compiler(tiny_run(compile=True), torch.device("cuda"))
    expect_sound_compiler(tiny_run(compile=True), torch.device("cpu"))
    expect_sound_compiler(tiny_run(), torch.device("cuda"))


def test_a_run_that_would_be_compiled_wrongly_is_not_begun(monkeypatch):
    monkeypatch.setattr(loop, "pick_device", lambda name: torch.device("cuda"))
    with pytest.raises(InputError, match="compile: expected a CPU"):
        train_quietly(tiny_run(compile=True, output=Path("compiled")))
    assert not Path("compiled").exists()


def test_auto_takes_a_gpu_where_there_is_one():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("cpu") == torch.device("cpu")


def test_a_folder_that_holds_no_run_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        run_line(tmp_path / "nowhere")
    (tmp_path / "record.jsonl").write_text('{"kind": "latency"}\n')
    with pytest.raises(InputError, match="latency"):
        run_line(tmp_path)


def test_a_warm_up_ends_after_half_of_the_run():
    (line,) = lines_of(train_quietly(tiny_run(epochs=1, warmup_epochs=5.0)), "epoch")
    assert line["lr"] == pytest.approx(learning_rate(9, peak=4e-3, warmup=5, total=10, schedule="cosine"))


def test_a_loss_that_is_not_finite_names_the_epoch_that_is_kept(monkeypatch):
    losses = iter([1.0, math.inf])
    monkeypatch.setattr(loop, "evaluate", lambda *_: {"loss": next(losses), "top1": 0.0})
    with pytest.raises(FloatingPointError, match="run: loss not finite in epoch 2; epoch 1 is kept there"):
        train_quietly(tiny_run(epochs=2))
    assert load_checkpoint(Path("run"), warn=pytest.fail)[1] == 1

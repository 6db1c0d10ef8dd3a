"""From images to the page: train, evaluate, predict, report and reproduce, as a user runs them."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from para_former.cli import evaluate
from para_former.cli.main import COMMANDS
from para_former.cli.train import recipe_of
from para_former.data import DeviceSplit, evaluation_batches, load_dataset
from para_former.errors import InputError
from para_former.models import load, save
from para_former.records import read_records, write_records
from para_former.reports.console import print_tables
from tests.cli.conftest import TRAIN

DOCS = Path(__file__).parents[2] / "docs"


def numbers_in(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def has_json(text):
    """Whether a line of the text is a JSON object or list."""
    return any(line.strip()[:1] in ("{", "[") for line in text.splitlines())


@pytest.fixture
def pictures(trained, tmp_path):
    """For each class the image that a network is surest of, as a PNG of 100x80 pixels with black at its sides."""
    dataset = load_dataset("digits")
    split = DeviceSplit.from_split(dataset.test, "cpu")
    ((images, _),) = evaluation_batches(split, dataset.spec, batch_size=len(split))
    with torch.inference_mode():
        rows = load(trained)(images).softmax(1).argmax(0).tolist()
    paths = {}
    for name, row in zip(dataset.spec.classes, rows, strict=True):
        canvas = np.zeros((80, 100), np.uint8)
        canvas[:, 10:90] = np.kron(dataset.test.images[row, :, :, 0], np.ones((10, 10), np.uint8))
        paths[name] = tmp_path / f"digit_{name}.png"
        Image.fromarray(canvas).save(paths[name])
    return paths


@pytest.fixture
def picture(pictures):
    return pictures["5"]


def test_train_prints_every_epoch_the_test_and_where_the_run_is(run):
    code, out, err = run(*TRAIN, "--epochs=2", "--output=mine")
    assert (code, err) == (0, "")
    assert "epoch 1/2" in out and "epoch 2/2" in out and "mine" in out
    lines = read_records(Path("mine/record.jsonl"))
    (test,), epochs = ([line for line in lines if line["kind"] == kind] for kind in ("test", "epoch"))
    for line in epochs:
        assert f"loss {line['train_loss']:.3f}  validation {line['validation_top1']:.2f} %" in out
    assert f"{test['top1']:.2f} %" in out
    assert not has_json(out)


def test_train_json_is_the_test_line(run):
    code, out, err = run(*TRAIN, "--epochs=1", "--output=mine", "--json")
    assert code == 0
    assert json.loads(out) == {"run": "mine", "test": read_records(Path("mine/record.jsonl"))[-1]}
    assert "epoch 1/1" in err and not has_json(err)


def test_evaluate_finds_the_accuracy_that_training_recorded(run, trained):
    test = read_records(trained / "record.jsonl")[-1]
    code, out, err = run("evaluate", trained, "--device=cpu")
    assert (code, err) == (0, "")
    assert f"{test['top1']:.2f}" in out and f"{test['top5']:.2f}" in out and not has_json(out)
    code, out, err = run("evaluate", trained, "--device=cpu", "--json")
    result = json.loads(out)
    assert code == 0 and not has_json(err) and "Digits" in err
    assert (result["split"], result["images"]) == ("test", 360)
    for name in ("top1", "top5", "per_class_top1", "confusion", "classes"):
        assert result[name] == test[name], name
    assert result["loss"] == pytest.approx(test["loss"], rel=1e-4)


@pytest.mark.parametrize(("split", "images"), [("train", 1365), ("validation", 72)])
def test_evaluate_takes_any_split(run, trained, split, images):
    code, out, _ = run("evaluate", trained, "--split", split, "--json")
    assert code == 0
    assert (json.loads(out)["split"], json.loads(out)["images"]) == (split, images)


def test_evaluate_notes_the_split_and_changes_nothing_else_in_the_run(run, trained, files):
    notes, before = trained / "evaluations.jsonl", files()
    seen = len(read_records(notes)) if notes.exists() else 0
    assert run("evaluate", trained, "--device=cpu").code == 0
    (note,) = read_records(notes)[seen:]
    assert note["split"] == "test" and note["environment"].keys() >= {"hardware", "versions", "commit", "time"}
    assert {path: content for path, content in files().items() if path != notes} == {
        path: content for path, content in before.items() if path != notes
    }


def test_predict_knows_the_digits_in_larger_pictures(run, trained, pictures):
    code, out, err = run("predict", trained, *pictures.values(), "--json")
    assert code == 0 and not has_json(err)
    results = json.loads(out)
    assert [result["image"] for result in results] == [str(path) for path in pictures.values()]
    assert [result["predictions"][0]["class"] for result in results] == list(pictures)
    for result in results:
        probabilities = [guess["probability"] for guess in result["predictions"]]
        assert len({guess["class"] for guess in result["predictions"]}) == len(probabilities) == 5
        assert probabilities == sorted(probabilities, reverse=True) and 0.5 < sum(probabilities) <= 1 + 1e-6


def test_predict_of_a_picture_of_the_networks_own_size_is_what_the_network_says(run, trained, tmp_path):
    dataset = load_dataset("digits")
    split = DeviceSplit.from_split(dataset.test, "cpu")
    images, _ = next(evaluation_batches(split, dataset.spec, batch_size=20))
    with torch.inference_mode():
        expected = load(trained)(images).softmax(1)
    paths = [tmp_path / f"{row}.png" for row in range(20)]
    for path, pixels in zip(paths, dataset.test.images, strict=False):
        Image.fromarray(pixels[:, :, 0]).save(path)
    results = json.loads(run("predict", trained, *paths, "--device=cpu", "--json").out)
    for result, row in zip(results, expected, strict=True):
        for guess in result["predictions"]:
            assert guess["probability"] == pytest.approx(row[int(guess["class"])].item(), abs=1e-5)


def test_the_program_in_the_docs_says_what_predict_says(run, trained, pictures, tmp_path, capsys, monkeypatch):
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "deployment.md").read_text(), re.S)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/mine").symlink_to(trained)
    (tmp_path / "pictures").mkdir()
    for path in pictures.values():
        shutil.copy(path, tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "deployment.md", "exec"), {})
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    results = json.loads(run("predict", trained, *sorted(pictures.values()), "--json").out)
    first = [result["predictions"][0] for result in results]
    assert said == [[guess["class"], f"{guess['probability']:.2f}"] for guess in first]


def test_predict_prints_what_its_json_says(run, trained, picture):
    (guesses,) = (result["predictions"] for result in json.loads(run("predict", trained, picture, "--json").out))
    code, out, err = run("predict", trained, picture)
    assert (code, err) == (0, "") and not has_json(out)
    assert str(picture) in out
    assert numbers_in(out.split("probability")[1]) == pytest.approx([g["probability"] for g in guesses], abs=1e-4)


def test_report_writes_a_page_that_shows_the_run(run, trained):
    code, out, err = run("report", trained)
    assert (code, err) == (0, "")
    assert str(trained / "report.html") in out and not has_json(out)
    test = read_records(trained / "record.jsonl")[-1]
    for name in ("report.html", "report.md"):
        text = (trained / name).read_text()
        assert "Para-F-1-6" in text and f"{test['top1']:.2f}" in text
    code, out, _ = run("report", trained, "--output=elsewhere", "--json")
    assert json.loads(out) == {"page": "elsewhere/report.html", "markdown": "elsewhere/report.md"}


def test_reproduce_fills_a_table_and_keeps_it(run, files):
    """The command of `make demo`, one epoch for each network of Table 2."""
    command = ["reproduce", "--dataset=digits", "--table=2", "--epochs=1", "--output=results", "--device=cpu"]
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert "results/report.html" in out and not has_json(out)
    assert "Para-F-1-24" in out and "…" not in out
    before = {path: content for path, content in files().items() if path.suffix == ".jsonl"}
    code, out, err = run(*command, "--json")
    assert code == 0 and "4 finished already" in err
    result = json.loads(out)
    assert {path.suffix: content for path, content in files().items()}.keys() >= {".html", ".md", ".jsonl"}
    assert len(result["records"]) == len(before) == 5
    assert all(files()[path] == content for path, content in before.items())


def test_the_table_is_whole_on_a_terminal_of_80_columns(trained):
    output = io.StringIO()
    print_tables([trained], Console(file=output, width=80))
    test = read_records(trained / "record.jsonl")[-1]
    assert "Para-F-1-6" in output.getvalue() and f"{test['top1']:.2f}" in output.getvalue()
    assert "…" not in output.getvalue() and "measu" not in output.getvalue().replace("measured", "")


def test_info_lists_networks_data_sets_and_versions(run):
    code, out, err = run("info")
    assert (code, err) == (0, "") and not has_json(out)
    assert "para_former_6_24" in out and "digits" in out and "torch" in out
    result = json.loads(run("info", "--json").out)
    networks = {network["name"]: network for network in result["networks"]}
    assert networks["para_former_2_24"]["branches"] == 12
    assert {each["name"]: each["found"] for each in result["data_sets"]}["digits"] == "sklearn"
    assert result["devices"][0] == "cpu"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_without_a_command_all_commands_are_listed(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert all(name in out for name in [*COMMANDS, "--json", "--debug", "--help"])


@pytest.mark.parametrize("name", ["[red]digit.png", "[/red]digit.png", ":smile:.png"])
def test_a_name_is_printed_as_it_is(run, trained, picture, tmp_path, name):
    """Square brackets are markup to rich, and file names to users."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    picture.rename(path)
    code, out, err = run("predict", trained, path)
    assert (code, err) == (0, "") and str(path) in out
    code, out, err = run("report", trained, f"--output={tmp_path / '[bold]page'}")
    assert (code, err) == (0, "") and "[bold]page/report.html" in out


def test_predict_takes_folders_and_writes_the_same_as_csv(run, trained, pictures, tmp_path):
    folder = tmp_path / "pictures of mine"
    (folder / "deeper").mkdir(parents=True)
    for number, picture in enumerate(list(pictures.values())[:2]):
        shutil.copy(picture, folder / ("deeper" if number else ".") / f"{number}.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "0.png").write_text("hidden, and no picture")
    table = tmp_path / "table.csv"
    code, out, _ = run("predict", trained, folder, "--json", "--csv", table)
    results = json.loads(out)
    assert code == 0 and len(results) == 2
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [(r["image"], g["class"], g["probability"]) for r in results for g in r["predictions"]]
    assert [(row["image"], row["class"], float(row["probability"])) for row in rows] == expected
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"] * 2


def test_evaluate_holds_no_more_images_than_a_step_of_the_run_in_the_end(run, trained, monkeypatch):
    line, *others = read_records(trained / "record.jsonl")
    line["config"]["batch_size"], seen = 400, []
    resumed = {**line, "kind": "resumed", "epoch": 0, "accumulate": 8}

    def note(*arguments, batch_size):
        seen.append(batch_size)
        return evaluation_batches(*arguments, batch_size=batch_size)

    monkeypatch.setattr(evaluate, "evaluation_batches", note)
    for lines in ([{**line, "accumulate": 4}], [{**line, "accumulate": 4}, resumed]):
        write_records(trained / "record.jsonl", [*lines, *others])
        assert run("evaluate", trained, "--device=cpu").code == 0
    assert seen == [100, 50]


def test_weights_in_another_format_are_used_as_float32(run, trained):
    """A run's network, saved again in half the bytes."""
    save(load(trained).bfloat16(), trained)
    assert run("evaluate", trained, "--device=cpu").code == 0


def test_the_report_of_one_record_file_lies_beside_it(run, trained):
    code, out, err = run("report", trained / "record.jsonl")
    assert (code, err) == (0, "")
    assert (trained / "report.html").exists() and (trained / "report.md").exists()


def test_evaluate_prints_the_accuracy_of_each_class_beside_its_name(run, trained):
    result = json.loads(run("evaluate", trained, "--device=cpu", "--json").out)
    lines = run("evaluate", trained, "--device=cpu").out.splitlines()
    shown = dict(words for line in lines if len(words := line.split()) == 2 and words[0].isdigit())
    assert {name: float(value) for name, value in shown.items()} == pytest.approx(
        dict(zip(result["classes"], result["per_class_top1"], strict=True)), abs=0.051
    )


@pytest.mark.parametrize("command", ["evaluate", "uat freedom"])
def test_data_are_looked_for_where_the_user_says(run, trained, monkeypatch, command):
    asked = []

    def dataset_of(line, data_root):
        asked.append(data_root)
        raise InputError("enough")

    monkeypatch.setattr(f"para_former.cli.{command.split()[0]}.dataset_of", dataset_of)
    assert run(*command.split(), trained, "--data-root=mine").code == 2 and asked == [Path("mine")]


def test_a_name_that_says_its_size_needs_no_width_beside_it():
    assert recipe_of(["--dataset=digits", "--model=para_former_small_2_2"]).width is None
    assert recipe_of(["--dataset=digits"]).width == 64

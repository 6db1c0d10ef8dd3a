"""Bad input is told in one line that names it, with exit code 2, and leaves nothing behind; a failure has code 1."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from para_former.cli import info, report
from para_former.records import read_records, write_records
from tests.cli.conftest import TRAIN
from tests.reports import helpers

DIGITS = "train --dataset=digits --output=run"
AGAIN = " ".join([*TRAIN, "--output=trained"])
REFUSED = {  # what is wrong: the command line, and what the answer must contain
    "unknown command": ("tarin", ["tarin", "expected one of train, evaluate"]),
    "unknown flag": (f"{DIGITS} --epohcs 3", ["--epohcs"]),
    "flag without value": ("train --dataset", ["--dataset"]),
    "recipe without value": ("train --dataset=digits --recipe", ["--recipe"]),
    "no number": (f"{DIGITS} --epochs many", ["--epochs", "many"]),
    "unknown choice": (f"{DIGITS} --pool max", ["--pool", "max", "cls"]),
    "unknown precision": (f"{DIGITS} --precision float16", ["--precision", "float16", "bf16"]),
    "negative epochs": (f"{DIGITS} --epochs -1", ["epochs: expected at least 1, found -1"]),
    "no learning rate": (f"{DIGITS} --lr 0", ["lr: expected a number above 0, found 0"]),
    "endless warm-up": (f"{DIGITS} --warmup-epochs inf", ["warmup_epochs: expected", "found inf"]),
    "enormous seed": (f"{DIGITS} --seed {2**70}", ["seed: expected", f"found {2**70}"]),
    "unknown model": (f"{DIGITS} --model resnet50", ["'resnet50': expected para_former_M_N"]),
    "width beside a size": (
        f"{DIGITS} --model para_former_base_1_1 --width 64",
        ["width: expected none beside", "found 64"],
    ),
    "endless MLP": (f"{DIGITS} --mlp-ratio inf", ["mlp_ratio: expected a finite number", "found inf"]),
    "depth that does not divide": (f"{DIGITS} --model para_former_4_6", ["para_former_4_6", "depth 4", "found 6"]),
    "heads that do not divide": (f"{DIGITS} --width 64 --heads 3", ["width: expected", "heads 3", "found 64"]),
    "patch that does not fit": (f"{DIGITS} --patch-size 3", ["image_size: expected", "patch_size 3", "found 8"]),
    "missing data root": ("train --dataset=cifar10 --data-root=nowhere", ["nowhere", "expected", "CIFAR-10", "found"]),
    "empty data root": (
        "train --dataset=cifar10 --data-root=empty",
        ["empty", "expected", "CIFAR-10", "found nothing"],
    ),
    "unknown data set": ("train --dataset=mnist", ["'mnist': expected one of digits"]),
    "unknown data set to reproduce": ("reproduce --dataset=mnist", ["'mnist': expected one of digits"]),
    "unknown recipe": (f"{DIGITS} --recipe=magic", ["'magic': expected one of basic"]),
    **{
        f"fine-tuning of nothing, {command}": (
            f"{command} --recipe finetune --dataset=cifar10 --data-root=empty",
            ["--recipe finetune: expected", "--pretrained of para-former train", "found none"],
        )
        for command in ("train", "reproduce", "reproduce --ablation", "reproduce --train-images=100")
    },
    "unknown recipe to reproduce": ("reproduce --recipe=magic", ["'magic': expected one of basic"]),
    "unknown table": ("reproduce --table=4", ["table", "'4'", "expected", "2+3"]),
    "missing data set to reproduce": (
        "reproduce --dataset=cifar10 --data-root=empty",
        ["empty: expected CIFAR-10", "found nothing"],
    ),
    "data sets none of which is there": (
        "reproduce --dataset=stl10,folder:nowhere --data-root=empty",
        ["empty: expected STL-10", "nowhere: expected a folder of pictures"],
    ),
    "unknown data set among others": ("reproduce --dataset=digits,mnist", ["'mnist': expected one of digits"]),
    "network named twice": ("reproduce --table=1-6,1-6", ["para_former_1_6-s0", "expected one cell", "found two"]),
    "empty name of weights": (f"{DIGITS} --pretrained=", ["train: --pretrained: expected a value, found an empty one"]),
    "empty output": ("train --dataset=digits --output=", ["train: --output: expected a value, found an empty one"]),
    "folder of nobody": ("train --dataset=folder:~nobody-here/x", ["~nobody-here/x: expected a folder of pictures"]),
    "endless name": (f"evaluate {'x' * 300}", ["xxx/record.jsonl: File name too long"]),
    "endless name of a folder": (f"train --dataset=folder:{'x' * 300}", ["xxx: File name too long"]),
    "network of somebody else": (
        "train --dataset=digits --output=saved",
        ["saved: expected no network where a run begins", "config.json without record.jsonl"],
    ),
    "no augmentation": (f"{DIGITS} --mixup -1", ["train: augmentation mixup -1.0: expected 0 or more"]),
    "text of a report over a folder": ("report trained --markdown empty", ["empty: expected a file", "found a folder"]),
    "no minutes": ("reproduce --minutes=0", ["minutes: expected a number above 0, found 0"]),
    "no training images": (f"{DIGITS} --train-images 0", ["train_images: expected at least 1, found 0"]),
    "an empty list of sizes": ("reproduce --train-images=", ["--train-images: expected a value", "an empty one"]),
    "no number of training images": ("reproduce --train-images=few", ["train_images: expected", "1000,2000", "'few'"]),
    "fingerprint and images": ("reproduce --fingerprint --train-images=100", ["--train-images", "--fingerprint"]),
    "fingerprint of no paper": (
        "reproduce --fingerprint",
        ["--fingerprint: expected a data set of the paper", "digits"],
    ),
    "fingerprint of another recipe": (
        "reproduce --dataset=cifar10 --recipe=shallow --fingerprint",
        ["--fingerprint: expected --recipe paper or paper-short; found shallow"],
    ),
    "fingerprint and ablation": (
        "reproduce --fingerprint --ablation",
        ["--fingerprint, --ablation: expected one of them, found 2"],
    ),
    "no seeds": ("reproduce --seeds=0", ["seeds: expected at least 1, found 0"]),
    "missing weights": (f"{DIGITS} --pretrained nowhere.npz", ["nowhere.npz: expected timm:NAME", "nothing there"]),
    "truncated weights to start from": (
        f"{DIGITS} --pretrained truncated",
        ["truncated/model.safetensors: not a whole"],
    ),
    "weights of another width": (
        f"{DIGITS} --pretrained trained",
        ["trained: expected the network's width 64", "found width 32"],
    ),
    "weights of a larger ViT": (
        f"{DIGITS} --model para_former_3_12 --width 192 --heads 3 --pretrained timm:vit_base_patch16_224.orig_in21k",
        ["expected the network's width 192", "found width 768", "para_former_base_3_12 would fit"],
    ),
    "device that is not there": (f"{DIGITS} --device cuda:77", ["device: expected", "cannot compute on 'cuda:77'"]),
    "unknown device": (f"{DIGITS} --device banana", ["device: expected", "cannot compute on 'banana'"]),
    "device that cannot compute": (f"{DIGITS} --device meta", ["device: expected", "cannot compute on 'meta'"]),
    "unknown device to reproduce": ("reproduce --device banana", ["device: expected", "cannot compute on 'banana'"]),
    "unknown device to evaluate": (
        "evaluate trained --device banana",
        ["device: expected", "cannot compute on 'banana'"],
    ),
    "output that is a file": ("train --dataset=digits --output=text.jpg", ["text.jpg", "expected a folder", "found"]),
    **{
        f"output in a file, {command}": (
            f"{command} --output=text.jpg/below",
            ["text.jpg: expected a folder", "a file"],
        )
        for command in ("train --dataset=digits", "reproduce", "bench", "uat branches trained", "report trained")
    },
    "table over a folder": ("predict trained text.jpg --csv=empty", ["empty: expected a file to write", "a folder"]),
    "constants in a file": ("plan --budget-ms=5 --constants=text.jpg/new", ["text.jpg: expected a folder", "a file"]),
    "no budget": ("plan --budget-ms=nan --constants=new", ["budget_ms: expected a number above 0, found nan"]),
    "no images to plan for": ("plan --budget-ms=5 --batch=0 --constants=new", ["batch: expected at least 1, found 0"]),
    "output of a finished run": (
        "train --dataset=digits --output=trained",
        ["trained: holds a finished run; choose another --output", "--pretrained trained"],
    ),
    "nothing to resume": (f"{DIGITS} --resume", ["run: expected the folder of a run, found no such folder"]),
    "finished run to resume": (f"{AGAIN} --resume", ["trained: ", "finished"]),
    "other settings to resume": (f"{AGAIN} --resume --lr=0.5", ["trained: holds a finished run"]),
    "no run to evaluate": ("evaluate", ["evaluate: RUN: expected a value, found none"]),
    "no budget to plan for": ("plan", ["plan: --budget-ms: expected a value, found none"]),
    "no whole number": (f"{DIGITS} --epochs ten", ["train: --epochs: expected a whole number, found 'ten'"]),
    "no number at all": (f"{DIGITS} --lr fast", ["train: --lr: expected a number, found 'fast'"]),
    "missing run to evaluate": ("evaluate nowhere", ["nowhere: expected the folder of a run, found no such folder"]),
    "folder without a run": (
        "predict empty text.jpg",
        ["empty: expected the folder of a run, found no record.jsonl in it"],
    ),
    "missing run to report": ("report nowhere", ["nowhere: ", "expected"]),
    "no run to report": ("report", ["expected at least one", "found none"]),
    "empty folder to report": ("report empty", ["empty", "expected"]),
    "record with a text for a number to report": (
        "report mistyped",
        ["report: record.jsonl: line 1: expected 'epochs' of every run line to be a whole number, found \"ten\""],
    ),
    **{
        f"record without its data set, {command}": (
            f"{command} unnamed",
            ["record.jsonl: line 1: expected 'spec' in every run line, found one without it"],
        )
        for command in ("report", "evaluate", "uat branches")
    },
    "weights to report": ("report trained/model.safetensors", ["trained/model.safetensors", "expected"]),
    "unknown split": ("evaluate trained --split=dev", ["--split", "dev", "validation"]),
    "truncated weights to evaluate": ("evaluate truncated", ["truncated/model.safetensors: ", "safetensors file"]),
    "truncated weights to predict": ("predict truncated text.jpg", ["truncated/model.safetensors: "]),
    "lost weights": ("evaluate without_weights", ["without_weights/model.safetensors: ", "expected"]),
    "unfinished run": ("evaluate unfinished", ["unfinished: ", "expected"]),
    "broken configuration": ("evaluate broken", ["broken/config.json: "]),
    "binary configuration": ("evaluate binary", ["binary/config.json: "]),
    "text named .jpg": ("predict trained text.jpg", ["text.jpg: expected an image, found"]),
    "several that are no images": (
        "predict trained text.jpg nowhere.png",
        ["text.jpg: expected an image, found", "nowhere.png: ", "; "],
    ),
    "missing image": ("predict trained nowhere.png", ["nowhere.png: ", "expected an image"]),
    "folder as image": ("predict trained empty", ["empty", "expected", "image"]),
    "no image": ("predict trained", ["image", "expected", "none"]),
    "run for a study of none": ("uat approximation trained", ["approximation needs no run, found trained"]),
    "argument to info": ("info everything", ["everything"]),
}


@pytest.fixture
def workplace(trained, tmp_path, monkeypatch):
    """Runs and files that are damaged in one way each, and a cache that shows when something is decoded into it."""
    for name in ("truncated", "without_weights", "unfinished", "broken", "binary", "mistyped", "unnamed"):
        shutil.copytree(trained, tmp_path / name)
    weights = trained / "model.safetensors"
    (tmp_path / "truncated" / weights.name).write_bytes(weights.read_bytes()[:-1000])
    (tmp_path / "without_weights" / weights.name).unlink()
    for path in ("model.safetensors", "config.json"):
        (tmp_path / "unfinished" / path).unlink()
    (tmp_path / "saved").mkdir()
    shutil.copy(trained / "config.json", tmp_path / "saved")
    (tmp_path / "broken/config.json").write_text('{"depth": 1, "image_size": 8, "colour": "red"}')
    (tmp_path / "binary/config.json").write_bytes(bytes(range(128, 256)))
    line, *others = read_records(tmp_path / "mistyped/record.jsonl")
    write_records(tmp_path / "mistyped/record.jsonl", [{**line, "epochs": "ten"}, *others])
    del line["spec"]
    write_records(tmp_path / "unnamed/record.jsonl", [line, *others])
    (tmp_path / "text.jpg").write_text("This is no picture.\nNor is this.\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PARA_FORMER_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(("command", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_told_in_one_line_and_leaves_nothing(run, workplace, files, command, named):
    before = files()
    code, out, err = run(*command.split())
    assert (code, out, err.count("\n")) == (2, "", 1), (code, out, err)
    assert err.startswith(f"para-former {command.split()[0]}: ")
    assert not [sign for sign in ("Traceback", "---", "──", "│") if sign in err], err
    assert not [part for part in named if part not in err], err
    assert files() == before


@pytest.mark.parametrize(("output", "code"), [("--output=page", 2), ("--json", 1)])
def test_a_path_that_cannot_be_used_is_bad_input_where_the_user_named_it(
    run, trained, tmp_path, monkeypatch, output, code
):
    def write_report(*_):
        raise FileNotFoundError(2, "No such file or directory", str(tmp_path / "page" / "report.html"))

    monkeypatch.setattr(report, "write_report", write_report)
    found = run("report", trained, output)
    assert (found.code, found.out, found.err.count("\n")) == (code, "", 1)
    assert f"{tmp_path}/page/report.html" in found.err and ("FileNotFoundError" in found.err) == (code == 1)


def test_a_folder_without_the_right_to_write_is_refused(run, trained, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, _, err = run("report", trained, "--output=new/page")
    assert code == 2 and "expected a folder to write into, found one without the right to" in err


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_debug_adds_the_traceback_and_changes_nothing_else(run, first):
    command = ["train", "--dataset=digits", "--model=resnet50"]
    code, out, err = run(*(["--debug", *command] if first else [*command, "--debug"]))
    assert (code, out) == (2, "")
    assert "Traceback (most recent call last)" in err and "resnet50" in err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_failure_of_the_program_has_code_1_and_one_line(run, monkeypatch, flags):
    monkeypatch.setattr(info, "run", fail)
    code, out, err = run("info", *flags)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert all(part in err for part in ("para-former info: ", "RuntimeError", "half the", "answer", "--debug"))


def test_an_error_without_a_file_is_a_failure_of_the_program(run, monkeypatch):
    def fail(*_):
        raise FileNotFoundError("no such thing")

    monkeypatch.setattr("para_former.cli.report.write_report", fail)
    result = run("report", ".")
    assert result.code == 1 and "FileNotFoundError: no such thing" in result.err


def test_debug_shows_where_the_program_failed(run, monkeypatch):
    monkeypatch.setattr(info, "run", fail)
    code, out, err = run("info", "--debug")
    assert (code, out) == (1, "")
    assert "Traceback" in err and "RuntimeError: half the" in err and "in fail" in err


def fail(arguments, console):
    raise RuntimeError("half the\nanswer")


def test_ctrl_c_ends_in_one_line(run, monkeypatch):
    def interrupt(arguments, console):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "run", interrupt)
    code, out, err = run("info")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "stopped" in err and "--resume" not in err  # which info does not have


def test_a_diverged_run_fails_in_one_line(run):
    code, out, err = run(*TRAIN, "--output=run", "--lr=1e30")
    assert (code, err.count("\n")) == (1, 1)
    assert "not finite" in err and "run" in err


def test_no_warning_or_log_line_comes_before_the_error_of_a_real_process(tmp_path):
    command = [sys.executable, "-m", "para_former.cli", "evaluate", "nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.stderr
    assert result.stderr.startswith("para-former evaluate: nowhere: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_output_that_takes_nothing_is_told_in_one_line(tmp_path):
    command = [sys.executable, "-m", "para_former.cli", "info", "--json"]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert result.stderr.endswith("para-former standard output: No space left on device\n")


def test_a_failed_command_prints_no_json(run):
    code, out, err = run("evaluate", "nowhere", "--json")
    assert (code, out, err.count("\n")) == (2, "", 1) and "nowhere" in err


@pytest.mark.parametrize("arguments", [["--output", ""], [""]])
def test_an_empty_argument_is_not_the_current_folder(run, arguments):
    code, out, err = run("report", *arguments)
    name = arguments[0] or "argument"
    assert (code, out, err) == (2, "", f"para-former report: {name}: expected a value, found an empty one\n")


def test_names_that_are_no_text_are_reported(run):
    folder = Path(os.fsdecode(b"caf\xe9"))
    write_records(folder / "record.jsonl", helpers.training(recipe="paper"))
    assert run("report", folder, "--output=page").code == 0
    assert "caf" in Path("page/report.html").read_text()

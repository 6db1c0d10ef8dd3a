"""`para-former uat`: every study of a trained network, its record, its sentences and its page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from para_former.cli import uat
from para_former.records import read_records
from para_former.training.run import run_line

ROOMS = ("decomposition", "freedom", "similarity", "branches", "diversity")


@pytest.mark.parametrize("study", ROOMS)
def test_a_study_of_a_run_leaves_a_record_and_a_page(run, trained, study):
    code, out, err = run("uat", study, trained, "--images=24", "--output=mine")
    assert (code, err) == (0, "")
    assert "Para-F-1-6" in out and "report.html" in out
    (record,) = read_records(Path("mine/theory.jsonl"))
    assert (record["kind"], record["study"], record["model"]) == ("theory", study, "para_former_1_6")
    page = Path("mine/report.html").read_text()
    section = "Is background or diversity to blame?" if study == "diversity" else "The theory"
    assert section in page and (study == "branches" or "<svg" in page)


def test_the_identity_holds_on_a_trained_network(run, trained):
    code, out, _ = run("uat", "decomposition", trained, "--json")
    (record,) = json.loads(out)["records"]
    assert code == 0
    assert max(record["error"], record["error_in_pixels"]) < 1e-10 < record["error_nudged"]


def test_two_runs_make_two_records_and_a_second_call_adds_to_them(run, trained):
    assert run("uat", "freedom", trained, trained, "--output=mine").code == 0
    assert run("uat", "branches", trained, "--output=mine").code == 0
    assert [line["study"] for line in read_records(Path("mine/theory.jsonl"))] == ["freedom", "freedom", "branches"]
    assert "What each branch does" in Path("mine/report.html").read_text()


def test_approximation_needs_no_run(run):
    code, out, _ = run("uat", "approximation", "--terms=8", "--seeds=1", "--output=mine")
    assert code == 0 and "Barron" in out
    (record,) = read_records(Path("mine/theory.jsonl"))
    assert {tuple(curve["terms"]) for curve in record["curves"]} == {(2, 4, 8)}


def test_a_study_of_fewer_images_than_say_anything_is_refused(run, trained, monkeypatch):
    digits = uat.dataset_of(run_line(trained), None)
    split = digits.validation
    few = replace(digits, validation=replace(split, labels=split.labels[:9], indices=split.indices[:9]))
    monkeypatch.setattr(uat, "dataset_of", lambda line, data_root: few)
    code, out, err = run("uat", "branches", trained, "--output=mine")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "expected at least 10 validation images to look at, found 9" in err and not Path("mine").exists()


def test_diversity_asks_for_the_test_result(run, trained):
    path = trained / "record.jsonl"
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(True) if b'"kind": "test"' not in line))
    code, out, err = run("uat", "diversity", trained)
    assert (code, out, err.count("\n")) == (2, "", 1) and "expected the test result of a finished run" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["freedom"], "expected the folder of a run"),
        (["freedom", "nowhere"], "nowhere"),
        (["approximation", "somewhere"], "needs no run"),
        (["approximation", "--terms=2"], "--terms of at least 4"),
        (["astrology"], "astrology"),
    ],
)
def test_a_mistake_is_told_in_one_line(run, arguments, message):
    code, out, err = run("uat", *arguments)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_study_looks_at_as_many_images_as_asked_and_diversity_at_those_learned_from(run, trained):
    for study, images in (("freedom", 24), ("diversity", 1365)):
        (record,) = json.loads(run("uat", study, trained, "--images=24", "--output=mine", "--json").out)["records"]
        assert record["images"] == images


def test_approximation_fits_as_many_seeds_as_asked_and_says_how_much_memory_it_took(run):
    (record,) = json.loads(run("uat", "approximation", "--terms=4", "--seeds=2", "--json").out)["records"]
    assert {(curve["seeds"], len(curve["error"][0])) for curve in record["curves"]} == {(2, 2)}
    assert 2**26 < record["environment"]["peak_memory"] < 2**38  # bytes of this process


def test_what_was_studied_before_a_run_that_cannot_be_is_kept(run, trained, tmp_path):
    broken = shutil.copytree(trained, tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    assert run("uat", "freedom", trained, broken, "--output=mine").code == 2
    assert [line["study"] for line in read_records(Path("mine/theory.jsonl"))] == ["freedom"]
    assert run("uat", "branches", trained, "nowhere", "--output=mine").code == 2
    assert len(read_records(Path("mine/theory.jsonl"))) == 1

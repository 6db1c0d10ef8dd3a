"""The section of the report: built from records of every study, complete, deterministic, escaped, picky."""

import json

import pytest
import torch

from para_former import InputError, theory
from para_former.reports.page import build_markdown, build_page
from para_former.reports.theory_findings import approximation_finding, theory_sentences
from para_former.theory.studies import approximation_study, decomposition_study, freedom_study, untrained
from tests.networks import images_for, small_network
from tests.reports import helpers


def studies(**fields):
    """A record of every study of one small network, as they come back from a file."""
    model = small_network(**fields)
    images, labels = images_for(model, 12), torch.arange(12) % 3
    outputs = theory.branch_outputs(model, [(images, labels)])
    similar = [theory.similarity_study(each, images, images, images, labels) for each in (model, untrained(model))]
    found = {
        "approximation": approximation_study([2, 4], seeds=2, steps=10),
        "decomposition": decomposition_study(model, images),
        "freedom": freedom_study(model, images),
        "similarity": {**similar[0], "untrained": similar[1]["slots"]},
        "branches": theory.branch_study(outputs, outputs),
    }
    depth, layers = model.config.depth, model.config.layers
    network = {"model": helpers.name(depth, layers), "depth": depth, "layers": layers, "dataset": "digits", "seed": 0}
    environment = {**helpers.ENVIRONMENT, "threads": 1, "peak_memory": 2**30}
    records = [
        {"kind": "theory", "study": study, **network, "epochs": 3, **figures, "environment": environment}
        for study, figures in found.items()
    ]
    return json.loads(json.dumps(records))


@pytest.fixture(scope="module")
def records():
    return studies(depth=2, layers=8)


def test_every_study_has_its_figure_and_its_findings(records):
    page = build_page({"theory.jsonl": records})
    parsed = helpers.Page(page)
    for expected in (
        "Error of Eq. 1 against N.", "Barron", "Parts of the logits.", "scalar terms", "Degrees of freedom, counted",
        "has 6 degrees of freedom", "Figure 6", "before any training", "Loss against active branches.",
        "Effective rank",
    ):  # fmt: skip
        assert expected in parsed.text.replace("\xa0", " "), expected
    assert page.count("<svg") == 4 + 1 + 2 + 3 + 1
    assert all(address.startswith("#") for address in parsed.loads)
    assert build_page({"theory.jsonl": records}) == page


def test_behind_a_convolutional_stem_everything_but_the_form_in_pixels_is_there():
    records = studies(stem="conv")
    (figures,) = (record for record in records if record["study"] == "decomposition")
    assert figures["error_in_pixels"] is None and figures["error"] < 1e-10
    text = helpers.Page(build_page({"theory.jsonl": records})).text.replace("\xa0", " ")
    assert "the stem is not linear in pixels" in text


@pytest.mark.parametrize("fields", [{"depth": 1, "layers": 1}, {"depth": 1, "layers": 3}, {"depth": 3, "layers": 3}])
def test_one_branch_or_one_module_make_a_page_too(fields):
    text = helpers.Page(build_page({"theory.jsonl": studies(**fields)})).text
    assert ("has one branch" in text) == (fields["depth"] == fields["layers"])


def test_accuracies_stand_beside_the_degrees_of_freedom(records):
    markdown = build_markdown({"theory.jsonl": records, **helpers.family("digits")})
    (row,) = [line for line in markdown.split("\n") if line.startswith("| 6 | 18 | 18 | 19 | 20 |")]
    assert "79.92" in row and "80.30" in row
    (row,) = [line for line in markdown.split("\n") if line.startswith("| 4 | 12 |")]
    assert "not measured" in row


def test_the_rate_of_the_last_doublings_stands_beside_that_of_all():
    """A fit that levels off has one slope early and another late."""
    curve = {
        "target": "wave",
        "describe": "f",
        "rate": -1.0,
        "rate_low": -1.1,
        "rate_high": -0.9,
        "terms": [2, 4, 8, 16],
    }
    text = approximation_finding({**curve, "error": [[0.8], [0.4], [0.2], [0.1]]})
    assert "N^(-1.00) (single seeds -1.10 to -0.90, over the last two doublings N^(-1.00)), faster than" in text
    assert "over the last two doublings N^(0.00)" in approximation_finding(
        {**curve, "error": [[0.8], [0.4], [0.2], [0.4]]}
    )


def test_what_rises_does_not_fall():
    curve = {"target": "wave", "describe": "f", "rate": 1.0, "rate_low": 1.0, "rate_high": 1.0}
    text = approximation_finding({**curve, "terms": [2, 4], "error": [[0.1], [0.2]]})
    assert "goes from 10 % at N = 2 to 20 % at N = 4, rising at 1 of 1 doublings" in text
    (branches,) = [each for each in studies(layers=2) if each["study"] == "branches"]
    text = " ".join(theory_sentences({**branches, "order_given": [[40.0, 1.0], [50.0, 1.5]]}))
    assert "the loss goes from 1.00 to 1.50, rising at 1 of 1 steps" in text


def test_the_last_record_of_a_study_counts(records):
    changed = json.loads(json.dumps(records[2]))
    changed["images"] = 777
    text = build_markdown({"theory.jsonl": [*records, changed]})
    assert "Over 777 images" in text and "Over 12 images" not in text


def test_a_line_without_its_figures_is_refused(records):
    broken = {key: value for key, value in records[1].items() if key != "parts"}
    with pytest.raises(InputError, match="expected 'parts' in every theory line of decomposition"):
        build_page({"theory.jsonl": [broken]})
    with pytest.raises(InputError, match="expected the study of a theory line"):
        build_page({"theory.jsonl": [{**broken, "study": "astrology"}]})


def test_hostile_names_are_escaped(records):
    hostile = '<script>alert("1")</script>'
    lines = [{**record, "model": hostile, "dataset": hostile} for record in records]
    assert "script" not in helpers.Page(build_page({"theory.jsonl": lines})).tags


def similarity_record(trained, untrained):
    def slots(auc):
        slot = {"auc_null": [0.4, 0.6], "pairs": {}, "course": []}
        return [{**slot, "slot": name, "module": m, "auc": auc} for name, m in (("pixels", 0), ("W", 1))]

    names = {"model": "para_former_1_6", "depth": 1, "layers": 6, "dataset": "digits", "images": 9}
    return {"study": "similarity", **names, "slots": slots(trained), "untrained": slots(untrained)}


@pytest.mark.parametrize(("trained", "untrained", "what"), [(0.9, 0.8, "there without"), (0.9, 0.55, "learned")])
def test_what_tells_classes_apart_is_there_or_learned(trained, untrained, what):
    (text,) = [
        each for each in theory_sentences(similarity_record(trained, untrained)) if "before any training" in each
    ]
    assert f"most of what tells classes apart is {what}" in text

"""One change at a time: worded from the settings in the records, set beside the recipe's own run."""

import pytest

from para_former.reports.page import build_markdown
from tests.reports import helpers


def changed(top1, seed=0, **settings):
    return helpers.training(1, 6, top1, recipe="shallow-ablation", seed=seed, **settings)


@pytest.fixture
def records():
    return {
        "own": helpers.training(1, 6, 70.0, recipe="shallow", schedule="cosine"),
        "constant": changed(66.5, schedule="constant"),
        "constant-1": changed(67.5, seed=1, schedule="constant"),
        "rate": changed(71.0, schedule="cosine", lr=0.002),
    }


def rows(records):
    text = build_markdown(records)
    return [line.split(" | ") for line in text.split("\n") if line.startswith("| Para-F-1-6 ") and "[seed " in line]


def test_a_change_is_worded_from_the_settings_and_beside_the_recipe(records):
    found = {cells[1]: cells[2:4] for cells in rows(records)}
    assert found["nothing"] == ["70.00 [seed 0](own)", "–"]
    assert found["schedule cosine → constant"] == ["67.00 ± 0.71 [seed 0](constant) [seed 1](constant-1)", "−3.00"]
    assert found["rate 0.001 → 0.002"] == ["71.00 [seed 0](rate)", "+1.00"]
    assert list(found) == ["nothing", "schedule cosine → constant", "rate 0.001 → 0.002"]


def test_the_recipe_from_pretrained_weights_is_not_the_recipe(records):
    before = rows(records)
    records["start"] = helpers.training(1, 6, 90.0, recipe="shallow", schedule="cosine")
    records["start"][0] |= {"pretrained": {"name": "other", "sha256": "0" * 64}}
    assert rows(records)[: len(before)] == before


def test_a_run_that_departs_from_the_recipe_is_not_the_recipe(records):
    before = rows(records)
    records["other"] = helpers.training(1, 6, 90.0, recipe="shallow", schedule="cosine", lr=0.01)
    records["other"][0]["changed"] = ["lr"]
    assert rows(records)[: len(before)] == before


def test_changed_runs_are_no_experiments(records):
    assert "ecipe shallow-ablation" not in build_markdown(records).split("## Conditions")[0]


def test_without_the_recipe_s_own_run_there_is_no_difference(records):
    del records["own"]
    assert all(cells[3] == "not measured" for cells in rows(records))


def test_without_a_changed_run_there_is_no_section(records):
    assert "One change at a time" not in build_markdown({"own": records["own"]})

"""The study `diversity` on the page: every correlation with its interval, and the paper's claims by their signs."""

import pytest

from para_former.errors import InputError
from para_former.reports.diversity import diversity_sentences
from para_former.reports.page import build_markdown, build_page
from para_former.reports.theory import collect_theory

from . import helpers

BELOW, AROUND, ABOVE = (-0.4, -0.6, -0.2), (0.1, -0.1, 0.3), (0.5, 0.3, 0.7)
MEASURES = ("images", "within", "background", "foreground", "shape")


def study(found=AROUND, *, dataset="flowers102", seed=0, scale=1.0, top1=(10.0, 20.0, 30.0, 40.0, 90.0), **special):
    """A record; every correlation is `found`, except those that `special` names: background_foreground is partial."""
    asked = [(name, "top1", None) for name in MEASURES]
    asked += [("background", "foreground", None)]
    asked += [("background", "top1", "foreground"), ("foreground", "top1", "background")]
    correlations = []
    for of, other, fixed in asked:
        name = "_".join(filter(None, [of, fixed])) if other == "top1" else "together"
        rho, low, high = special.get(name, found)
        correlations.append({"of": of, "with": other, "fixed": fixed, "rho": rho, "low": low, "high": high})
    return {
        "kind": "theory",
        "study": "diversity",
        "model": "para_former_1_6",
        "depth": 1,
        "layers": 6,
        "dataset": dataset,
        "recipe": "paper",
        "seed": seed,
        "epochs": 3,
        "images": 47,
        "classes": list("abcde"),
        "left_out": [],
        "top1": list(top1),
        "measures": {name: [scale * value for value in (7.0, 8.0, 9.0, 10.0, 10.0)] for name in MEASURES},
        "resamples": 2000,
        "correlations": correlations,
        "environment": {**helpers.ENVIRONMENT, "threads": 1, "peak_memory": 2**30},
    }


def test_a_row_has_every_correlation_its_interval_and_the_record():
    records = {"theory.jsonl": [study(background=BELOW, foreground_background=ABOVE)]}
    line = next(line for line in build_markdown(records, "../").split("\n") if line.startswith("| Para-F-1-6, Flower"))
    cells = line.strip("| ").split(" | ")
    assert cells[0].endswith(") [seed 0](../theory.jsonl)")
    texts = [cell.replace("\xa0", " ") for cell in cells[3:]]
    around = "+0.10 (−0.10 to +0.30)"
    assert texts == [around, around, "−0.40 (−0.60 to −0.20)", around, around, "+0.50 (+0.30 to +0.70)", around]


@pytest.mark.parametrize(
    ("found", "claim", "verdict"),
    [
        (BELOW, "borne out", "worse,"),
        (AROUND, "not confirmed", "neither better nor worse"),
        ((-0.2, -0.5, 0.1), "not confirmed", "neither better nor worse"),
        (ABOVE, "contradicted", "better,"),
    ],
)
def test_a_claim_stands_or_falls_with_the_interval(found, claim, verdict):
    first, second, *_ = diversity_sentences(study(background=found))
    assert f"diversity” is {claim} for backgrounds and not confirmed for what stands" in second
    assert f"diverse backgrounds are recognised {verdict}" in first


@pytest.mark.parametrize(
    ("partial", "blamed"),
    [
        ({}, "neither"),
        ({"background_foreground": BELOW}, "background"),
        ({"foreground_background": BELOW}, "foreground"),
        ({"background_foreground": BELOW, "foreground_background": BELOW}, "background and foreground"),
        ({"background": BELOW, "foreground": BELOW}, "neither"),
    ],
)
def test_to_blame_is_what_counts_with_the_other_held_fixed(partial, blamed):
    assert diversity_sentences(study(**partial))[2].endswith(f"So tied to low accuracy: {blamed}.")


def test_classes_left_out_and_the_number_of_images_are_told():
    text = " ".join(diversity_sentences({**study(), "left_out": ["rose", "lily"]}))
    assert "rose, lily" in text and "Classes have 7 to 10 training images" in text


def test_the_most_accurate_run_of_a_data_set_is_drawn_and_all_stand_in_the_table():
    records = [study(seed=seed, top1=top1) for seed, top1 in enumerate([(1.0,) * 5, (90.0,) * 5, (50.0,) * 5])]
    records[1]["correlations"][2]["rho"] = -0.77
    page = build_page({"theory.jsonl": records})
    assert page.count("<svg") == 2
    text = helpers.Page(page).text.replace("\xa0", " ")
    assert text.count("variance of its background. Para-F-1-6, Flowers-102: rho −0.77") == 1
    assert all(f"seed {seed}" in text for seed in range(3))
    assert "The theory" not in text and "learn from part" not in text
    assert page == build_page({"theory.jsonl": records})


def test_without_its_record_the_question_is_not_asked_and_a_broken_one_is_refused():
    assert "to blame?" not in build_markdown({"a": helpers.training()})
    with pytest.raises(InputError, match="expected 'correlations' in every theory line of diversity"):
        build_page({"a": [{key: value for key, value in study().items() if key != "correlations"}]})


def test_of_one_network_trained_for_other_epochs_each_study_counts():
    records = [study(), {**study(), "epochs": 9}, {**study(seed=1)}, study()]
    assert len(collect_theory({"a": records})) == 3

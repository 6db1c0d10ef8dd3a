"""Runs on part of the images: one section, never experiments of their own; power laws recovered; cells from records."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from para_former.reports.data_effect import data_effect_section, series_sentences, series_table
from para_former.reports.document import Paragraph, html_page, prefix_links
from para_former.reports.experiments import experiments
from para_former.reports.page import build_markdown, build_page
from para_former.reports.power_law import power_law
from para_former.reports.runs import collect
from para_former.reports.series import series

from . import helpers

SIZES = (1000, 2000, 5000, 10000, 25000, 47500)


def run_on(images, top1, depth=1, layers=6, **fields):
    lines = copy.deepcopy(helpers.training(depth, layers, top1, **fields))
    lines[0]["config"]["train_images"] = images if images < SIZES[-1] else None
    lines[0]["split"]["train"] = images
    return lines


def path_of(images, depth=1, layers=6, seed=0):
    return f"images-{images}/{helpers.name(depth, layers)}-s{seed}/record.jsonl"


@pytest.fixture
def records():
    """1-6 with two seeds and the serial 6-6: error 1500 N^-0.45 and 5500 N^-0.6, which meet near 6,000 images."""
    errors = {(1, 6): lambda n: 1500 * n**-0.45, (6, 6): lambda n: 5500 * n**-0.6}
    files = {path_of(n, *shape): run_on(n, 100 - error(n), *shape) for shape, error in errors.items() for n in SIZES}
    files |= {path_of(n, seed=1): run_on(n, 100 - errors[1, 6](n), seed=1) for n in SIZES}
    return files


def row(text, start):
    return next(line for line in text.split("\n") if line.startswith(start)).strip("| ").split(" | ")


def serial_row(records):
    """Cells of 6-6 in the table of the series."""
    (found,) = series(collect(records)[0])
    return row(series_table(found).markdown(), "| Para-F-6-6 | ")


def section(records):
    return list(data_effect_section(collect(records)[0], []))


@given(st.floats(0.1, 100), st.floats(-1, 2), st.sets(st.integers(1, 10**6), min_size=4, max_size=8))
def test_an_exact_power_law_is_recovered(a, b, sizes):
    law = power_law({n: a * n**-b for n in sizes})
    assert law.b == pytest.approx(b, abs=1e-6) and law.a == pytest.approx(a, rel=1e-6)
    assert law.standard_error == pytest.approx(0, abs=1e-6)
    assert law.saved_by_doubling == pytest.approx(1 - law(2) / law(1), abs=1e-9)


def test_the_uncertainty_is_that_of_least_squares():
    errors = {1: 50.0, 2: 44.0, 4: 30.0, 8: 26.0, 16: 17.0}
    law, expected = power_law(errors), linregress(np.log(list(errors)), np.log(list(errors.values())))
    assert (-law.b, law.standard_error, law.r2) == pytest.approx((expected.slope, expected.stderr, expected.rvalue**2))


@pytest.mark.parametrize("errors", [{}, {1: 2.0, 2: 1.0}, {1: 2.0, 2: 1.0, 4: 0.0}])
def test_two_points_and_errors_of_0_make_no_law(errors):
    assert power_law(errors) is None


def test_three_points_have_no_uncertainty_and_equal_ones_no_share_explained():
    law = power_law({1: 3.0, 2: 3.0, 4: 3.0})
    assert (law.b, law.standard_error, law.r2) == (0, None, None)


def test_a_series_is_no_experiment_and_the_whole_split_is_its_last_point(records):
    runs, _ = collect(records)
    (found,) = series(runs)
    assert found.sizes == SIZES and found.whole == 47500
    assert [network.label for network in found.networks] == ["Para-F-1-6", "Para-F-6-6"]
    text = build_markdown(records)
    assert text.count("## Recipe basic, 3 epochs") == 1 and "train_images" not in text
    assert row(text, "| Para-F-1-6 | 1 |")[3].startswith("88.21 ± 0.00")  # of the whole split alone


def test_mixed_into_experiments_they_still_stand_apart(records):
    runs, _ = collect(records)
    assert len(experiments(runs, [])) == len(SIZES)


def test_without_part_of_the_images_there_is_no_section(records):
    whole = {path: lines for path, lines in records.items() if "images-47500" in path}
    assert section(whole) == [] != section(records)


def test_settings_that_differ_make_series_of_their_own():
    records = {
        f"{lr}-{n}": run_on(n, 50.0 + n / 1000, lr=lr) for lr in (0.1, 0.2) for n in SIZES if (lr, n) != (0.2, 1000)
    }
    first, second = series(collect(records)[0])
    assert (first.sizes, second.sizes) == (SIZES, SIZES[1:])
    assert first.name.endswith("lr 0.1")


def test_a_run_from_before_there_was_a_choice_joins_those_on_all_images(records):
    del records[path_of(47500, seed=1)][0]["config"]["train_images"]
    (found,) = series(collect(records)[0])
    assert found.at(found.networks[0], 47500).seeds == 2


def test_a_cell_has_mean_spread_and_a_link_for_each_seed(records):
    records[path_of(1000, seed=1)] = run_on(1000, 48.0, seed=1)
    (found,) = series(collect(records)[0])
    (table,) = prefix_links([series_table(found)], "../")
    cell = row(table.markdown(), "| Para-F-1-6 | ")[1]
    first = 100 - 1500 * 1000**-0.45
    assert cell.startswith(f"{(first + 48) / 2:.2f} ± {abs(first - 48) / 2**0.5:.2f} [seed 0](")
    assert f"[seed 1](../{path_of(1000, seed=1)})" in cell


def test_deleting_a_record_turns_its_cell_to_not_measured_and_changes_the_fit_alone(records):
    before = serial_row(records)
    records[path_of(5000, 6, 6)] = records[path_of(5000, 6, 6)][:-2]
    unfinished = serial_row(records)
    del records[path_of(5000, 6, 6)]
    after = serial_row(records)
    assert before[:3] + before[4:] == after[:3] + after[4:]  # an exact power law stays one
    assert "not measured" not in before[3] and after[3] == "not measured"
    assert unfinished[3] == "not measured (training unfinished, epoch 2 of 3)"


def test_the_table_ends_with_the_law_and_the_sentences_say_what_limits_it(records):
    (found,) = series(collect(records)[0])
    table = series_table(found)
    assert table.columns[1] == "1,000" and table.columns[6] == "47,500, all"
    assert [[cell.text for cell in cells[-3:]] for cells in table.rows] == [
        ["0.450", "1.000", "26.8"],
        ["0.600", "1.000", "34.0"],
    ]
    text = " ".join(series_sentences(found))
    for expected in (
        "the accuracy of none of these networks is, to a tenth",
        "Serial Para-F-6-6 less parallel Para-F-1-6: −20.17 points at 1,000 images (parallel is better), "
        "+3.19 points at 47,500 images (serial is better).",
        "A power law over 1.7 decades of one data set describes these points",
        "Every size has 3 epochs, so not as many steps: 12 at 1,000 images, 570 at 47,500.",
        "rests on a single seed",
    ):
        assert expected in text, expected


def test_a_difference_within_the_spread_is_said_to_be():
    tops = {(1, 6): (50.0, 60.0), (6, 6): (52.0, 59.0)}
    records = {
        f"{shape}-{n}-{seed}": run_on(n, top1 + n / 10000, *shape, seed=seed)
        for shape, both in tops.items()
        for seed, top1 in enumerate(both)
        for n in SIZES
    }
    (found,) = series(collect(records)[0])
    text = " ".join(series_sentences(found))
    assert "+0.50 points at 1,000 images (serial is better, within the spread over seeds)" in text
    assert "single seed" not in text


def test_accuracy_that_does_not_grow_and_one_in_proportion_are_told():
    falling = {n: 60.0 - n / 1000 for n in SIZES}
    (found,) = series(collect({str(n): run_on(n, top1) for n, top1 in falling.items()})[0])
    assert "does not grow from 1,000 to 2,000, 2,000 to 5,000" in series_sentences(found)[0]
    doubling = {1000: 20.0, 2000: 40.0, 4000: 80.0}
    (found,) = series(collect({str(n): run_on(n, top1) for n, top1 in doubling.items()})[0])
    assert "here the accuracy of Para-F-1-6 is, to a tenth" in " ".join(series_sentences(found))
    assert "No serial network" in " ".join(series_sentences(found))


@pytest.mark.parametrize("top1", [0.0, 100.0])
def test_extreme_accuracies_and_a_run_just_begun_make_a_page(top1):
    records = {str(n): run_on(n, top1) for n in SIZES} | {"begun": run_on(500, 1.0, 6, 6)[:1]}
    assert "How much do data matter?" in html_page(section(records))


def test_one_size_alone_makes_a_page():
    (text,) = [block.text for block in section({"a": run_on(1000, 50.0)}) if isinstance(block, Paragraph)][1:]
    assert "same for all seeds" in text


def test_the_page_is_the_same_bytes_from_the_same_records_and_leads_to_the_section(records):
    page = build_page(records)
    assert page == build_page(dict(reversed(records.items())))
    parsed = helpers.Page(page)
    assert "#data-effect" in parsed.links and "data-effect" in parsed.ids
    assert len(parsed.ids) == len(set(parsed.ids))


def test_steps_are_told_only_where_the_batches_are_known(records):
    assert "not as many steps" in build_markdown(records)
    for lines in records.values():
        del lines[0]["config"]["batch_size"]
    assert "not as many steps" not in build_markdown(records)

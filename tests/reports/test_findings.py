"""Sentences about records: true of the numbers they were computed from, and silent where nothing was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.reports.experiments import experiments
from para_former.reports.findings import (
    course,
    doubt,
    growth_with_depth,
    growth_with_layers,
    training,
)
from para_former.reports.runs import collect
from para_former.reports.tables import hardware

from . import helpers


def experiment(accuracies, timings=(), **fields):
    """One experiment of {(depth, layers): accuracies over seeds}."""
    records = {
        f"{depth}-{layers}-{seed}": helpers.training(depth, layers, top1, seed=seed, **fields)
        for (depth, layers), values in accuracies.items()
        for seed, top1 in enumerate(values)
    }
    (found,) = experiments(*collect({**records, "latency": list(timings)}))
    return found


def test_growth_with_layers():
    found = growth_with_layers(experiment({(1, 1): [50.0], (1, 6): [60.0], (1, 12): [61.0]}))
    assert found == "At depth 1 mean accuracy grows with every step in layers: Para-F-1-1 50.00, 1-6 60.00, 1-12 61.00."


def test_a_fall_and_a_step_within_the_spread_are_said():
    found = growth_with_layers(experiment({(1, 1): [50.0, 51.0], (1, 6): [60.0, 62.0], (1, 12): [60.0, 61.0]}))
    assert "grows with layers from Para-F-1-1 to 1-6, but not from Para-F-1-6 to 1-12" in found
    assert found.endswith("Within the spread over seeds: Para-F-1-6 to 1-12.")
    assert "does not grow with layers" in growth_with_layers(experiment({(1, 1): [50.0], (1, 6): [40.0]}))


@given(st.lists(st.floats(0, 100), min_size=4, max_size=4))
def test_growth_is_claimed_only_where_every_step_rises(values):
    chain = dict(zip([(1, 1), (1, 6), (1, 12), (1, 24)], ([value] for value in values), strict=True))
    rises = all(low < high for low, high in zip(values, values[1:], strict=False))
    assert ("grows with every step" in growth_with_layers(experiment(chain))) == rises


def test_families_are_not_mixed():
    small = helpers.training(1, 12, 90.0)
    small[0]["model"] = "para_former_1_12_small"
    (found,) = experiments(*collect({"a": helpers.training(1, 1, 50.0), "b": small, "c": helpers.training(1, 6, 60.0)}))
    assert found.best.label == "Para-F-1-12 small"
    assert growth_with_layers(found).endswith(": Para-F-1-1 50.00, 1-6 60.00.")


def test_growth_with_depth_compares_equal_layers():
    found = growth_with_depth(experiment({(1, 24): [70.0], (6, 6): [90.0], (2, 24): [75.0]}))
    assert found == "With 24 layers mean accuracy grows with every step in depth: Para-F-1-24 70.00, 2-24 75.00."
    found = growth_with_depth(experiment({(1, 6): [60.0], (1, 24): [70.0], (6, 6): [90.0], (2, 24): [65.0]}))
    assert found == (
        "With 24 layers mean accuracy does not grow with depth: Para-F-1-24 70.00, 2-24 65.00. "
        "With 6 layers mean accuracy grows with every step in depth: Para-F-1-6 60.00, 6-6 90.00."
    )


def test_nothing_measured_nothing_said():
    records = {"a": helpers.training(done=1)}
    (found,) = experiments(*collect(records))
    assert growth_with_layers(found) == growth_with_depth(found) == ""
    assert course(found).endswith("No run has reached epoch 3.")


def test_what_a_table_took_to_train():
    """13 s an epoch; a run in the middle counts with the epochs it has."""
    found = experiment({(1, 6): [60.0, 61.0], (6, 6): [70.0]}, epochs=4)
    assert training(found) == ("Training: 2 networks, 3 runs, 3 min on Example CPU @ 2.50GHz, validation not counted.")
    runs = {"a": helpers.training(epochs=5), "b": helpers.training(seed=1, epochs=5, done=2)}
    runs["a"][0]["environment"] = {**helpers.ENVIRONMENT, "threads": 1}
    runs["b"][0]["environment"] = {**helpers.ENVIRONMENT, "device": "Example GPU"}
    (found,) = experiments(*collect(runs))
    assert training(found) == (
        "Training: 1 network, 2 runs, 65 s on 1 thread of Example CPU @ 2.50GHz and 26 s on Example GPU, "
        "validation not counted."
    )


@pytest.mark.parametrize("after", [0, 1])
def test_a_run_that_changed_its_place_has_both_and_the_speed_of_the_first(after):
    lines = helpers.training()
    moved = {**helpers.ENVIRONMENT, "device": "Example GPU"}
    lines.insert(1 + after, {"kind": "resumed", "epoch": after, "environment": moved, "compile": True})
    for line in lines[2 + after : -1]:
        line["images_per_second"] = 1e6
    (run,), _ = collect({"a": lines})
    places = ["Example CPU @ 2.50GHz", "Example GPU"] if after else ["Example GPU"]
    assert [hardware(line) for line, _ in run.pieces] == places
    assert run.speeds == ([3700.0] if after else [1e6] * 3)


def test_speeds_with_other_threads_are_not_those_of_the_first_place():
    lines = helpers.training()
    lines[0]["environment"] = {**helpers.ENVIRONMENT, "threads": 2}
    moved = {**helpers.ENVIRONMENT, "threads": 1}
    lines.insert(2, {"kind": "resumed", "epoch": 1, "environment": moved, "compile": False})
    for line in lines[3:-1]:
        line["images_per_second"] = 1.0
    (run,), _ = collect({"a": lines})
    assert run.speeds == [3700.0]


@pytest.mark.parametrize(("gap", "inside"), [(2.5, True), (3.0, False)])
def test_within_the_spread_is_within_both_together(gap, inside):
    """Seeds 2 points apart have a sample standard deviation of 1.41."""
    one, other = experiment({(1, 1): [49.0, 51.0], (1, 6): [49.0 + gap, 51.0 + gap]}).measured
    assert ("spread" in doubt(one, other)) == inside


@pytest.mark.parametrize(("gap", "inside"), [(0.7, True), (0.72, False)])
def test_within_the_sampling_error_is_within_one_standard_error_of_the_difference(gap, inside):
    """Of 10,000 test images half are right: the error of a difference is sqrt(2 * 50 * 50 / 10,000) = 0.707 points."""
    chain = experiment({(1, 1): [50.0], (1, 6): [50.0 + gap]})
    text = growth_with_layers(chain)
    assert ("Within the sampling error of the test images: Para-F-1-1 to 1-6." in text) == inside
    for network in chain.networks:  # of how many images is not told
        del network.runs[0].line["split"]["test"]
    assert "sampling" not in growth_with_layers(chain)

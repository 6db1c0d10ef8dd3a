"""Plots are well-formed SVG for a page: deterministic, without anything to load, in the page's own colours."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.reports import plots
from para_former.reports.experiments import experiments
from para_former.reports.runs import collect

from . import helpers

DRAWINGS = [plots.learning_curves, plots.accuracy_against_layers]


def experiment(records):
    (found,) = experiments(*collect(records))
    return found


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_drawings_are_svg_with_every_network_named(draw):
    svg = draw(experiment(helpers.family(seeds=(0, 1))))
    assert {"1-1", "1-6", "1-12", "1-24", "6-6", "2-24", "3-24", "6-24"} <= set(texts(svg))
    assert ElementTree.fromstring(svg).get("viewBox")
    assert not re.search(r"https?:|<script|metadata|xlink", svg)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_drawings_repeat_byte_for_byte(draw):
    assert draw(experiment(helpers.family(seeds=(0,)))) == draw(experiment(helpers.family(seeds=(0,))))


@pytest.mark.parametrize("draw", DRAWINGS)
def test_colours_are_the_pages(draw):
    svg = draw(experiment(helpers.family(seeds=(0,))))
    assert "var(--depth-1)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)


@pytest.mark.parametrize("draw", DRAWINGS)
def test_nothing_measured_nothing_drawn(draw):
    assert draw(experiment({"a": [helpers.run_line()]})) is None


@pytest.mark.parametrize("draw", DRAWINGS)
def test_one_run_of_one_epoch_can_be_drawn(draw):
    records = {"a": helpers.training(4, 8, epochs=1), "b": helpers.training(1, 8, epochs=1)}
    assert "4-8" in texts(draw(experiment(records)))


def class_panels(classes, top1):
    found = experiment(helpers.family(seeds=(0,)))
    return plots.class_accuracy(found, found.best, classes, top1)


@pytest.mark.parametrize(("count", "panels"), [(1, 1), (10, 1), (34, 1), (37, 2), (100, 3), (102, 3)])
def test_classes_are_spread_over_panels(count, panels):
    classes = [f"class {index}" for index in range(count)]
    drawn = class_panels(classes, [100.0 - index * 100 / count for index in range(count)])
    assert len(drawn) == panels
    named = [text for svg in drawn for text in texts(svg) if text.startswith("class")]
    assert named == classes


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_class_name_can_be_drawn(classes):
    for svg in class_panels(classes, [50.0] * len(classes)):
        ElementTree.fromstring(svg)
        assert "<script" not in svg

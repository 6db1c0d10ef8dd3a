"""The frontier holds what nothing dominates; every cell is from a record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.reports.document import Table, html_page
from para_former.reports.experiments import Experiment, Network, experiments
from para_former.reports.frontier import frontier_section, frontier_sentences
from para_former.reports.page import build_page
from para_former.reports.pareto import Point, frontier, points
from para_former.reports.runs import Run, collect

from . import helpers

SHAPES = [(1, 1), (1, 6), (1, 12), (2, 2), (2, 24), (3, 3), (6, 6), (6, 24)]
NUMBERS = st.tuples(st.sampled_from([0.3, 0.5, 1.0, 1.7, 4.0, 30.0]), st.sampled_from([10.0, 20.0, 30.0, 40.0]))


def records_of(networks):
    """Records of networks {(m, n): (ms, top1)}, a run each, and all latencies in one file."""
    files = {f"{m}-{n}.jsonl": helpers.training(m, n, top1) for (m, n), (_, top1) in networks.items()}
    return files | {"latency.jsonl": [helpers.latency_line(m, n, ours=ms) for (m, n), (ms, _) in networks.items()]}


def points_of(records):
    return points(experiments(*collect(records)))


def drawn(networks):
    """The same points, as they stand in no record."""
    where, found = Experiment("cifar10", "basic", 3, "", "", ()), []
    for (m, n), (ms, top1) in networks.items():
        run = Run("", {"epochs": 3, "seed": 0}, test={"epoch": 3, "top1": top1})
        latency = {"ours_ms": {"median": ms}}
        found.append(Point(where, Network(helpers.name(m, n), m, n, None, (run,), latency)))
    return sorted(found, key=lambda each: (each.ms, -each.top1))


def shapes(members):
    return [(each.network.depth, each.network.layers) for each in members]


def section(records):
    return list(frontier_section(experiments(*collect(records))))


def tables(records):
    """Rows of every table, as texts."""
    return [[[c.text for c in row] for row in block.rows] for block in section(records) if isinstance(block, Table)]


FEW = {(1, 1): (0.4, 50.0), (1, 6): (0.6, 60.0), (1, 12): (0.8, 59.0), (2, 2): (1.2, 65.0), (6, 24): (3.0, 64.0)}


@given(st.dictionaries(st.sampled_from(SHAPES), NUMBERS, min_size=1))
def test_on_the_frontier_nothing_is_dominated_and_beside_it_everything_is(networks):
    members = drawn(networks)
    front = frontier(members)
    for each in members:
        beaten = any(
            other.ms <= each.ms and other.top1 >= each.top1 and (other.ms < each.ms or other.top1 > each.top1)
            for other in members
        )
        assert (each in front) != beaten
    assert [each.top1 for each in front] == sorted(each.top1 for each in front)


@given(st.dictionaries(st.sampled_from(SHAPES[:-1]), NUMBERS, min_size=1), st.data())
def test_a_dominated_network_changes_nothing(networks, data):
    members = drawn(networks)
    better = data.draw(st.sampled_from(frontier(members)))
    with_worse = drawn(networks | {SHAPES[-1]: (better.ms, better.top1 - 1)})
    assert shapes(frontier(with_worse)) == shapes(frontier(members)) and len(with_worse) == len(members) + 1


def test_the_table_is_the_frontier():
    (front,) = tables(records_of(FEW))
    assert [row[0] for row in front] == ["Para-F-1-1", "Para-F-1-6", "Para-F-2-2"]
    assert front[1] == ["Para-F-1-6", "basic", "3", "2,844,000", "0.600", "60.00"]


def test_the_sentence_walks_along_the_frontier():
    first, *_ = frontier_sentences(points_of(records_of(FEW)))
    assert first == (
        "Most accurate within a budget: from 0.400 ms the single module Para-F-1-1 (50.00 %), from 0.600 ms parallel "
        "Para-F-1-6 (60.00 %), from 1.20 ms serial Para-F-2-2 (65.00 %)."
    )


@pytest.mark.parametrize(
    ("left", "missing"),
    [([(1, 1), (1, 6)], "serial"), ([(1, 1), (2, 2)], "parallel"), ([(1, 1)], "parallel or serial")],
)
def test_where_one_kind_is_not_measured_nothing_is_said_against_it(left, missing):
    text = " ".join(frontier_sentences(points_of(records_of({shape: FEW[shape] for shape in left}))))
    assert f"No {missing} network of several layers is both tested and timed here" in text


def test_networks_that_are_built_otherwise_are_told_apart_and_timed_for_themselves():
    records = records_of(FEW)
    conv = helpers.training(1, 6, 70.0, recipe="other", epochs=5)
    conv[0]["model_config"] |= {"stem": "conv", "heads": 12}
    records["conv.jsonl"] = conv
    assert "conv" not in str(tables(records))  # its stem was not timed
    records["latency.jsonl"].append(helpers.latency_line(ours=0.7, stem="conv", heads=12))
    (table,) = [block for block in section(records) if isinstance(block, Table)]
    built = {(row[0].text, row[0].below, row[4].text) for row in table.rows}
    assert ("Para-F-1-6", "conv stem, 12 heads", "0.700") in built
    assert ("Para-F-1-6", "patch stem, 3 heads", "0.600") in built
    assert "Para-F-1-6 with conv stem, 12 heads (" in frontier_sentences(points_of(records))[0]
    text = html_page(section(records))
    assert "hollow: convolutional stem" in text and "trained in 2 ways" in text


def test_pretrained_networks_and_parts_of_the_images_stay_out():
    records = records_of(FEW)
    records["started.jsonl"] = helpers.training(1, 6, 99.0, epochs=4)
    records["part.jsonl"] = helpers.training(1, 6, 98.0, epochs=4, train_images=100)
    assert {98.0, 99.0} <= {each.top1 for each in points_of(records)}
    records["started.jsonl"][0]["pretrained"] = {"name": "w", "sha256": "ab" * 32}
    runs, latencies = collect(records)
    left = {each.top1 for each in points(experiments([run for run in runs if run.whole], latencies))}
    assert left == {top1 for _, top1 in FEW.values()}


def test_deleting_a_record_takes_its_network_off_and_another_takes_its_place():
    records = records_of(FEW)
    del records["1-6.jsonl"]
    (front,) = tables(records)
    assert [row[0] for row in front] == ["Para-F-1-1", "Para-F-1-12", "Para-F-2-2"]
    records["latency.jsonl"] = []
    assert section(records) == []


def test_accuracies_have_their_spread_and_a_link_to_each_record():
    records = records_of(FEW) | {"again.jsonl": helpers.training(1, 6, 62.0, seed=1)}
    cell = next(block for block in section(records) if isinstance(block, Table)).rows[1][-1]
    assert (cell.text, cell.beside) == ("61.00", "± 1.41")
    assert [(text, path) for text, path in cell.links] == [("seed 0", "1-6.jsonl"), ("seed 1", "again.jsonl")]


EXTREMES = [{(1, 1): (1.0, 0.0)}, {(1, 1): (0.5, 30.0), (2, 2): (0.5, 30.0)}, {(1, 1): (0.1, 1.0), (6, 6): (90.0, 2.0)}]


@pytest.mark.parametrize("networks", EXTREMES)
def test_extremes_make_a_page(networks):
    assert "what a budget reaches" in html_page(section(records_of(networks)))


def test_the_page_is_the_same_bytes_from_the_same_records_and_leads_to_the_section():
    records = records_of(FEW)
    page = build_page(records)
    assert page == build_page(dict(reversed(records.items())))
    parsed = helpers.Page(page)
    assert "#frontier" in parsed.links and "frontier" in parsed.ids and page.count("Accuracy-latency frontier") == 1

"""Where drawings put their points, read from the axes before they are text."""

import pytest
from matplotlib.figure import Figure

from para_former.reports import bench_plots, data_plots, frontier_plot, plots, theory_plots
from para_former.reports.bench import collect_bench
from para_former.reports.pareto import frontier
from para_former.reports.runs import collect
from para_former.reports.series import series
from tests.reports import bench_records
from tests.reports.test_data_effect import run_on
from tests.reports.test_findings import experiment
from tests.reports.test_frontier import points_of, records_of


@pytest.fixture
def axes_of(monkeypatch):
    """The axes on which a drawing of a module was made, before they are text."""

    def axes_of(module, draw, *arguments):
        found = []

        def svg(name, onto, *_, **__):
            found.append(Figure().add_axes((0.2, 0.2, 0.6, 0.6)))
            onto(found[-1])
            return name

        monkeypatch.setattr(module, "svg", svg)
        draw(*arguments)
        return found

    return axes_of


def points_in(axes):
    """(x, y) of every line and point."""
    return {tuple(map(float, point)) for line in axes.lines for point in line.get_xydata()}


def test_a_learning_curve_is_the_mean_over_seeds(axes_of):
    (axes,) = axes_of(plots, plots.learning_curves, experiment({(1, 6): [60.0, 64.0, 74.0]}))
    assert {(1.0, 33.0), (2.0, 49.5), (3.0, 55.0)} <= points_in(axes)
    assert {(1.0, 30.0), (1.0, 37.0)} <= {tuple(point) for point in axes.collections[0].get_paths()[0].vertices}


def test_the_papers_line_is_n_over_m(axes_of):
    lines = [bench_records.bench_line(depth=depth) for depth in (1, 2, 6)]
    (suite,) = collect_bench({"a": lines})
    (axes,) = axes_of(bench_plots, bench_plots.speedup_against_depth, suite.series("depth"))
    assert {(1.0, 24.0), (2.0, 12.0), (6.0, 4.0), (6.0, 1.0)} <= points_in(axes)  # the last: serial over itself


def test_the_error_of_a_fit_is_drawn_as_its_median(axes_of):
    curve = {"target": "wave", "fit": "all", "terms": [2, 4], "error": [[0.5, 0.7, 0.6], [0.1, 0.3, 0.2]]}
    (axes,) = axes_of(theory_plots, theory_plots.approximation, {"curves": [curve]})
    assert {(2.0, 0.6), (4.0, 0.2)} <= points_in(axes)


def test_what_is_drawn_against_training_images_is_the_error(axes_of):
    (found,) = series(collect({str(n): run_on(n, 50 + n / 1000) for n in (1000, 2000, 5000)})[0])
    (axes,) = axes_of(data_plots, data_plots.error_against_images, found)
    (marker,) = [container.lines[0] for container in axes.containers]
    assert marker.get_xydata().tolist() == [[1000, 49], [2000, 48], [5000, 45]]


def test_on_the_frontier_a_parallel_network_is_a_circle_and_a_serial_one_a_square(axes_of):
    members = points_of(records_of({(1, 6): (0.5, 60.0), (2, 2): (1.0, 70.0)}))
    (axes,) = axes_of(frontier_plot, frontier_plot.frontier_plot, "cifar10", members, frontier(members))
    markers = {tuple(each.lines[0].get_xydata()[0].tolist()): each.lines[0].get_marker() for each in axes.containers}
    assert markers == {(0.5, 60.0): "o", (1.0, 70.0): "s"}

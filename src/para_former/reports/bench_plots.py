"""Plots of `bench` records in the look of the others: times and speed-ups of contenders, on logarithmic axes.

A hue stands for a contender, and its marker repeats it; the band runs from the lower to the upper quartile. Dotted
and dashed lines are no measurements: the floor (`floor.py`), and the paper's n/m.
"""

from collections.abc import Callable, Mapping, Sequence

from para_former.reports.bench import Point, serial_peer
from para_former.reports.plots import DASHES, Number, banded_curve, label_ends, logarithmic, svg
from para_former.reports.style import COLOURS

LOOK = {  # contender: (colour, marker)
    "serial": ("ink", "o"),
    "serial-graph": ("depth-other", "v"),
    "serial-readout": ("paper", "x"),
    "loop": ("depth-2", "s"),
    "stacked": ("depth-3", "^"),
    "prepared": ("depth-1", "D"),
}
UNMEASURED = {"floor": ":", "n/m, the paper": DASHES}
ROOM = 1.3  # inches at the right for names


def latency_against_layers(series: Sequence[Point]) -> str:
    """Milliseconds against n."""
    floors = [(point.line["layers"], point.floor) for point in series if point.floor]
    return _curves("latency, ms", Point.time, "layers n", "layers", series, {"floor": floors})


def speedup_against_batch(series: Sequence[Point]) -> str:
    """Time of the serial network over each contender's, against images at once."""
    return _curves(*_gain(series), "batch", "batch", series, {"floor": _gain_at_floor("batch", series)})


def speedup_against_depth(series: Sequence[Point]) -> str:
    """Time of the serial network over each contender's, against m, beside the paper's n/m."""
    papers = [(point.line["depth"], point.expected) for point in series]
    lines = {"floor": _gain_at_floor("depth", series), "n/m, the paper": papers}
    return _curves(*_gain(series), "depth m", "depth", series, lines)


def _gain(series: Sequence[Point]) -> tuple[str, Callable]:
    """What is drawn, in words, and how a point gives it."""
    peer = serial_peer(series)
    return f"speed-up over {peer}", lambda point, name: point.versus(peer, name)


def _gain_at_floor(axis: str, series: Sequence[Point]) -> list[tuple[Number, Number]]:
    """What the speed-up would be if ours took the least time possible."""
    peer = serial_peer(series)
    timed = [(point, point.time(peer)) for point in series if point.floor]
    return [(point.line[axis], time["median"] / point.floor) for point, time in timed if time]


def _curves(
    title: str,
    value: Callable,
    label: str,
    axis: str,
    series: Sequence[Point],
    unmeasured: Mapping[str, Sequence[tuple[Number, Number]]],
) -> str:
    def draw(axes) -> None:
        ends = []
        for which in "xy":
            logarithmic(axes, which)
        for name, line in unmeasured.items():
            if line:
                look = {"color": COLOURS["paper"][0], "linestyle": UNMEASURED[name], "linewidth": 1.2}
                axes.plot(*zip(*line, strict=True), **look)
                ends.append((*line[-1], COLOURS["paper"][0], name))
        for name, (hue, marker) in LOOK.items():
            measured = [(point.line[axis], found) for point in series if (found := value(point, name))]
            if not measured:
                continue
            colour = COLOURS[hue][0]
            across, quartiles = zip(*measured, strict=True)
            medians = [each["median"] for each in quartiles]
            band = [(each["q1"], each["q3"]) for each in quartiles]
            banded_curve(axes, across, medians, band, colour, marker=marker, markersize=4.5)
            ends.append((across[-1], medians[-1], colour, name))
        ticks = [point.line[axis] for point in series]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xlabel(label)
        axes.set_title(title)
        label_ends(axes, ends)

    return svg(f"{title} against {label}, {_identity(series)}", draw, right=ROOM)


def _identity(points: Sequence[Point]) -> str:
    """Tells the drawings of one page apart: matplotlib derives the names of shared shapes from it."""
    line = points[0].line
    conditions = line["suite"], line["device"], line["threads"], line["environment"].get("hardware", {})
    return ", ".join(str(part) for part in (*conditions, line["environment"].get("versions", {}), points[0].path))

"""Plots of `bench` records in the look of the others: times and speed-ups of contenders, on logarithmic axes.

A hue stands for a contender, and its marker repeats it; the band runs from the lower to the upper quartile.
"""

from collections.abc import Callable, Sequence

from para_former.reports.bench import STEPS, Point, serial_peer
from para_former.reports.plots import FONT, HEIGHT, Number, label_ends, logarithmic, svg
from para_former.reports.style import COLOURS
from para_former.reports.tables import ratio

LOOK = {  # contender: (colour, marker)
    "serial": ("ink", "o"),
    "serial-graph": ("depth-other", "v"),
    "serial-readout": ("paper", "x"),
    "loop": ("depth-2", "s"),
    "stacked": ("depth-3", "^"),
    "prepared": ("depth-1", "D"),
}
ROOM = 1.3  # inches at the right for names
ROW = 0.2  # inches


def latency_against_layers(series: Sequence[Point]) -> str:
    """Milliseconds against n."""
    return _curves("latency, ms", Point.time, "layers n", "layers", series)


def speedup_against_batch(series: Sequence[Point]) -> str:
    """Time of the serial network over each contender's, against images at once."""
    return _curves(*_gain(series), "batch", "batch", series)


def speedup_against_depth(series: Sequence[Point]) -> str:
    """Time of the serial network over each contender's, against m, beside the paper's n/m."""
    papers = [(point.line["depth"], point.line["layers"] / point.line["depth"]) for point in series]
    return _curves(*_gain(series), "depth m", "depth", series, papers)


def _gain(series: Sequence[Point]) -> tuple[str, Callable]:
    """What is drawn, in words, and how a point gives it."""
    peer = serial_peer(series)
    return f"speed-up over {peer}", lambda point, name: point.versus(peer, name)


def contributions(points: Sequence[Point]) -> str:
    """A row a point: from the loop to stacked to prepared, the speed-up over serial; a bar is the read-out alone."""

    def draw(axes) -> None:
        logarithmic(axes, "x")
        alone = STEPS[1]
        axes.axvline(1, color=COLOURS["ink"][0], linewidth=1)
        largest = 1.0
        for row, point in enumerate(points):
            gains = {name: point.speedup(name)["median"] for name in STEPS if point.speedup(name)}
            for start, end in (("loop", "stacked"), ("stacked", "prepared")):
                axes.plot([gains[start], gains[end]], [row, row], color=_colour(end), linewidth=4, alpha=0.55,
                          solid_capstyle="butt")  # fmt: skip
            for name, gain in gains.items():
                if name not in (point.baseline, alone):
                    axes.plot(gain, row, LOOK[name][1], color=_colour(name), markersize=5)
            if alone in gains:  # last, or the loop would hide it
                axes.plot(gains[alone], row, "|", color=_colour(alone), markersize=9, markeredgewidth=1.8)
            furthest = max(gains.values())
            largest = max(largest, furthest)
            axes.annotate(ratio(gains["prepared"]), (furthest, row), (7, 0), textcoords="offset points",
                          va="center", fontsize=FONT - 1, color=COLOURS["soft"][0])  # fmt: skip
        axes.plot([], [], "|", color=_colour(alone), markersize=9, markeredgewidth=1.8, label=alone)
        for name in STEPS[2:]:
            axes.plot([], [], LOOK[name][1], color=_colour(name), markersize=5, label=name)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.5, 1.0), ncols=4, frameon=False, fontsize=FONT - 1,
                    handletextpad=0.1, columnspacing=1.0)  # fmt: skip
        axes.set_xlim(right=largest * 1.6)
        axes.set_yticks(range(len(points)), [_row_name(point) for point in points])
        axes.set_ylim(len(points) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"speed-up over {points[0].baseline}; rows: m-n, batch × tokens")

    height = ROW * len(points) + 0.85
    return svg(f"Contributions, {_identity(points)}", draw, height, left=1.8, right=0.2, top=0.4)


def _curves(
    title: str,
    value: Callable,
    label: str,
    axis: str,
    series: Sequence[Point],
    papers: Sequence[tuple[Number, Number]] = (),
) -> str:
    def draw(axes) -> None:
        ends = []
        for which in "xy":
            logarithmic(axes, which)
        if papers:
            axes.plot(*zip(*papers, strict=True), color=COLOURS["paper"][0], linestyle=(0, (4, 3)), linewidth=1.2)
            ends.append((*papers[-1], COLOURS["paper"][0], "n/m, the paper"))
        for name in LOOK:
            measured = [(point.line[axis], found) for point in series if (found := value(point, name))]
            if not measured:
                continue
            colour, marker = _colour(name), LOOK[name][1]
            across, quartiles = zip(*measured, strict=True)
            medians = [each["median"] for each in quartiles]
            axes.plot(across, medians, marker=marker, markersize=4.5, color=colour, linewidth=1.6)
            axes.fill_between(across, [each["q1"] for each in quartiles], [each["q3"] for each in quartiles],
                              color=colour, alpha=0.14, linewidth=0)  # fmt: skip
            ends.append((across[-1], medians[-1], colour, name))
        ticks = [point.line[axis] for point in series]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xlabel(label)
        axes.set_title(title)
        label_ends(axes, ends)

    return svg(f"{title} against {label}, {_identity(series)}", draw, HEIGHT, right=ROOM)


def _row_name(point: Point) -> str:
    mean = " mean" if point.line["pool"] == "mean" else ""
    return f"{point.network}{mean}, {point.line['batch']} × {point.line['tokens']}"


def _colour(name: str) -> str:
    return COLOURS[LOOK[name][0]][0]


def _identity(points: Sequence[Point]) -> str:
    """Tells the drawings of one page apart: matplotlib derives the names of shared shapes from it."""
    line = points[0].line
    conditions = line["suite"], line["device"], line["threads"], line["environment"].get("hardware", {})
    return ", ".join(str(part) for part in (*conditions, line["environment"].get("versions", {}), points[0].path))

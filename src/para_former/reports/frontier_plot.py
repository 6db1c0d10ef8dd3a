"""The drawing of the accuracy-latency frontier: all networks of a data set, and the stairs of what a budget reaches."""

from collections.abc import Sequence

from para_former.reports.pareto import Point
from para_former.reports.plots import colour_of, label_points, legend, logarithmic, short_name, svg
from para_former.reports.style import COLOURS

MARKS = {"parallel": "o", "serial": "s"}
PAGE = COLOURS["page"][0]


def frontier_plot(dataset: str, members: Sequence[Point], front: Sequence[Point]) -> str:
    """Test top-1 against latency, logarithmic over more than a decade; the points of `front` joined and named."""

    def draw(axes) -> None:
        times, heights = [each.ms for each in members], [each.top1 for each in members]
        decades = max(times) > 10 * min(times)
        if decades:
            logarithmic(axes, "x")
            axes.set_xlim(min(times) / 1.5, max(times) * 1.5)
        else:
            room = 0.12 * (max(times) - min(times)) or 0.1 * max(times)
            axes.set_xlim(max(0.0, min(times) - room), max(times) + room)
        bars = {each.ms: each.network.spread or 0.0 for each in front}
        heights += [each.top1 + side * bars[each.ms] for each in front for side in (-1, 1)]
        room = 0.1 * (max(heights) - min(heights)) or 1.0
        axes.set_ylim(min(heights) - room, max(heights) + room)
        stairs = [(front[0].ms, axes.get_ylim()[0])]
        for each in front:
            stairs += [(each.ms, stairs[-1][1]), (each.ms, each.top1)]
        stairs.append((axes.get_xlim()[1], stairs[-1][1]))
        axes.plot(*zip(*stairs, strict=True), color=COLOURS["soft"][0], linewidth=1, alpha=0.7)
        for each in members:
            _mark(axes, each, on_front=each in front)
        names = [(each.ms, each.top1, colour_of(each.network), short_name(each.network)) for each in front]
        taken = [[(each.ms, each.top1)] for each in members]
        taken += [[(each.ms, each.top1 - bars[each.ms]), (each.ms, each.top1 + bars[each.ms])] for each in front]
        label_points(axes, names, [stairs, *taken])
        hues = {each.network.depth: colour_of(each.network) for each in members}
        legend(axes, {f"m = {depth}": hue for depth, hue in sorted(hues.items())})
        axes.set_xlabel(f"latency at batch {members[0].network.latency['batch']}, ms")
        axes.set_title("test top-1, %")

    return svg(f"Accuracy-latency frontier, {dataset}", draw, right=0.55, top=0.6)


def _mark(axes, each: Point, *, on_front: bool) -> None:
    """Hollow for a convolutional stem, faint beside the frontier."""
    colour = colour_of(each.network)
    face = PAGE if each.settings.get("stem") == "conv" else colour
    look = {"markerfacecolor": face, "markersize": 6.5 if on_front else 5, "alpha": 1.0 if on_front else 0.4}
    axes.errorbar(each.ms, each.top1, each.network.spread if on_front else None, fmt=MARKS[each.kind], color=colour,
                  elinewidth=1.2, zorder=3 if on_front else 2, **look)  # fmt: skip

"""Plots of experiments as SVG for the inside of a page: learning curves, accuracy against layers, classes.

Every plot takes its text colour from the page and its hues from the page's CSS variables, so light, dark and print need
one drawing. The same numbers give the same bytes. matplotlib is imported only where it draws; nothing is measured here.
"""

import io
import re
import statistics
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from html import escape
from itertools import pairwise

from para_former.reports import paper
from para_former.reports.experiments import Experiment, Network
from para_former.reports.findings import PREFIX, depth_one
from para_former.reports.style import COLOURS

WIDTH, HEIGHT = 5.2, 3.7
"""inches of 72 units; small, so that text keeps its size on a phone"""
FONT = 10.5
CLASSES_PER_PANEL = 34
Number = int | float
NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""letters that a file of SVG may not hold: control characters, bytes of file names that are no text"""
MARKERS = {1: "o", 2: "s", 3: "^", 6: "D"}
DASHES = (0, (4, 3))


def learning_curves(experiment: Experiment) -> str | None:
    """Validation top-1 against epoch: mean over seeds, the band from the lowest to the highest."""
    curves = [(network, _curve(network)) for network in experiment.networks if any(run.epochs for run in network.runs)]
    if not curves:
        return None

    def draw(axes) -> None:
        ends = []
        for network, curve in curves:
            epochs, means = list(curve), [statistics.fmean(values) for values in curve.values()]
            look = {"alpha": strength_of(network), **({"marker": "."} if len(epochs) == 1 else {})}
            banded_curve(axes, epochs, means, curve.values(), colour_of(network), **look)
            ends.append((epochs[-1], means[-1], colour_of(network), short_name(network)))
        axes.set_xlim(0, max(end[0] for end in ends))
        label_ends(axes, ends)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_title("validation top-1, %")

    return svg(f"Learning curves, {_name(experiment)}", draw, right=1.25)


def accuracy_against_layers(experiment: Experiment) -> str | None:
    """Test top-1 against n: depth 1 as a line, deeper networks as marked points, the paper's figures in grey.

    None for fewer than two networks.
    """
    measured = experiment.measured
    if len(measured) < 2:
        return None

    def draw(axes) -> None:
        published = paper.trained_from_scratch(experiment.dataset) if any(n.paper_top1 for n in measured) else {}
        chain = sorted((n, top1) for (m, n), top1 in published.items() if m == 1)
        grey = {"color": COLOURS["paper"][0], "linewidth": 1}
        if chain:
            axes.plot(*zip(*chain, strict=True), linestyle=DASHES, **grey)
        for (m, n), top1 in published.items():
            axes.plot(n, top1, MARKERS[m], markerfacecolor="none", markersize=5.5, **grey)
        ours = [[(network.layers, network.top1) for network in line] for line in depth_one(experiment)]
        for line in ours:
            axes.plot(*zip(*line, strict=True), color=COLOURS["depth-1"][0], linewidth=1.6)
        for network in measured:
            look = {"color": colour_of(network), "fmt": marker_of(network), "markersize": 6, "elinewidth": 1.2}
            axes.errorbar(network.layers, network.top1, network.spread, **look)
        axes.set_xticks(sorted({n.layers for n in measured} | {n for _, n in published}))
        axes.margins(x=0.06, y=0.1)
        lines = [chain, *ours, *([(n, top1)] for (_, n), top1 in published.items())]
        label_points(axes, [(n.layers, n.top1, colour_of(n), short_name(n)) for n in measured], lines)
        axes.set_xlabel("layers n")
        axes.set_title("test top-1, %" + ("; grey: the paper, 500 epochs" if published else ""))

    return svg(f"Accuracy against layers, {_name(experiment)}", draw, right=0.55)


def class_accuracy(
    experiment: Experiment, network: Network, classes: Sequence[str], top1: Sequence[Number]
) -> list[str]:
    """Top-1 of each class, in the order given, as horizontal bars over panels of equal scale."""
    ranked = list(zip(top1, classes, strict=True))
    panels = -(-len(ranked) // CLASSES_PER_PANEL)
    size = -(-len(ranked) // panels)
    parts = [ranked[start : start + size] for start in range(0, len(ranked), size)]

    def draw(part: list[tuple[Number, str]], axes) -> None:
        axes.barh(range(len(part)), [value for value, _ in part], height=0.62, color=colour_of(network), alpha=0.8)
        for row, (value, _) in enumerate(part):
            axes.text(value + 1.5, row, f"{value:.0f}", va="center", fontsize=FONT - 1, color=COLOURS["soft"][0])
        axes.set_yticks(range(len(part)), [_plain(label, 20) for _, label in part])
        axes.set_ylim(len(part) - 0.4, -0.6)
        axes.set_xlim(0, 108)
        axes.set_xticks([0, 50, 100], ["0", "50", "100 %"])
        axes.grid(visible=False)

    look = {"left": 1.75, "right": 0.1, "top": 0.05, "bottom": 0.3, "width": 4.6}
    return [
        svg(f"Accuracy of each class {k}, {_name(experiment)}", partial(draw, part), 0.19 * len(part) + 0.35, **look)
        for k, part in enumerate(parts, start=1)
    ]


def _curve(network: Network) -> dict[int, list[Number]]:
    """Validation top-1 of every run that reached it, by epoch."""
    reached = sorted({number for run in network.runs for number in run.epochs})
    return {n: [run.epochs[n]["validation_top1"] for run in network.runs if n in run.epochs] for n in reached}


def banded_curve(axes, across: Sequence, middle: Sequence, values: Iterable[Sequence], colour: str, **look) -> None:
    """A curve, and around it a faint band from the least to the largest of the values at each place."""
    axes.plot(across, middle, color=colour, linewidth=1.6, **look)
    low, high = zip(*((min(each), max(each)) for each in values), strict=True)
    axes.fill_between(across, low, high, color=colour, alpha=0.14, linewidth=0)


def label_points(axes, points: Sequence[tuple[Number, Number, str, str]], lines: Sequence[Sequence]) -> None:
    """Names beside points (x, y, colour, name), where names, points and lines leave room, or nearly so."""
    axes.autoscale_view()
    to_page = axes.transData.transform
    beyond = 1000
    taken = [_box(axes.bbox.x0 - beyond / 2, 0, beyond, beyond), _box(WIDTH * 72 + beyond / 2, 0, beyond, beyond)]
    taken += [_box(*to_page(point[:2]), 12, 12) for point in points]
    for line in lines:
        for start, end in pairwise([line[0], *line] if line else []):
            (x0, y0), (x1, y1) = to_page(start), to_page(end)
            taken += [_box(x0 + (x1 - x0) * part / 30, y0 + (y1 - y0) * part / 30, 5, 5) for part in range(31)]
    for x, y, colour, name in sorted(points, key=lambda point: (-point[1], point[3])):
        page_x, page_y = to_page((x, y))
        wide, tall = 0.6 * FONT * len(name), FONT
        places = [(side * (wide / 2 + 8), rise) for rise in (0, 9, -9) for side in (1, -1)] + [(0, 13), (0, -13)]
        boxes = [_box(page_x + dx, page_y + dy, wide, tall) for dx, dy in places]
        covered = [sum(_overlap(box, other) for other in taken) for box in boxes]
        choice = covered.index(min(covered))
        taken.append(boxes[choice])
        axes.annotate(name, (x, y), places[choice], textcoords="offset points", ha="center", va="center",
                      color=colour, annotation_clip=False)  # fmt: skip


def _box(x: Number, y: Number, wide: Number, tall: Number) -> tuple[float, float, float, float]:
    return x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2


def _overlap(one: tuple, other: tuple) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _name(experiment: Experiment) -> str:
    return f"{experiment.dataset}, {experiment.name}"


def short_name(network: Network) -> str:
    return _plain(network.label.removeprefix(PREFIX), 16)


def _plain(text: str, limit: int) -> str:
    """Text on one line, shortened to what a label has room for."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def colour_of(network: Network) -> str:
    return COLOURS[f"depth-{network.depth}" if network.depth in MARKERS else "depth-other"][0]


def marker_of(network: Network) -> str:
    return MARKERS.get(network.depth, "v")


def strength_of(network: Network) -> float:
    """Fewer layers, fainter ink: tells networks of one depth apart."""
    return min(1.0, 0.4 + 0.6 * network.layers / 24)


def label_ends(axes, ends: Sequence[tuple[Number, Number, str, str]]) -> None:
    """Names (x, y, colour, name) at the right edge beside the ends of curves, moved apart where they would touch."""
    axes.set_ylim(axes.get_ylim())
    edge, bottom, tall, to_page = axes.bbox.x1 + 6, axes.bbox.y0, axes.bbox.height, axes.transData.transform
    ends = sorted(((to_page((x, y)), colour, name) for x, y, colour, name in ends), key=lambda end: (end[0][1], end[2]))
    gap = min(FONT * 1.2, tall / len(ends))
    places: list[float] = []
    for index, ((_, y), _, _) in enumerate(ends):
        floor = places[-1] + gap if places else bottom
        places.append(min(max(y, floor), bottom + tall - gap * (len(ends) - 1 - index)))
    for ((x, y), colour, name), place in zip(ends, places, strict=True):
        line = {"color": colour, "alpha": 0.5, "linewidth": 0.8, "clip_on": False, "linestyle": ":"}
        axes.plot([x, edge - 8, edge], [y, y, place], transform=None, **line)
        axes.annotate(name, (edge, place), (3, 0), xycoords="figure points", textcoords="offset points", va="center",
                      color=colour, annotation_clip=False)  # fmt: skip


def legend(axes, hues: Mapping[str, str], marks: Mapping[str, str] | None = None) -> None:
    """Names in their colours, each behind its mark, in one row above the axes, from the left edge of the drawing."""
    x = -axes.get_position().x0 * axes.figure.get_figwidth() * 72 + 4
    for name, hue in hues.items():
        text = f"{(marks or {}).get(name, '●')} {name}"
        axes.annotate(text, (0, 1), (x, 24), xycoords="axes fraction", textcoords="offset points", color=hue,
                      fontsize=FONT - 1, annotation_clip=False)  # fmt: skip
        x += 0.54 * FONT * len(name) + 26


def logarithmic(axes, which: str, subs: Sequence[Number] = (1, 2, 5)) -> None:
    """A logarithmic axis, "x" or "y", with plain numbers at these multiples of powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def svg(
    name: str, draw: Callable, height: float = HEIGHT, *, left=0.5, right=0.5, top=0.35, bottom=0.45, width=WIDTH
) -> str:
    """Draw on axes with the given margins, inches, and return one <svg> element for the inside of an HTML page."""
    import matplotlib
    from matplotlib.figure import Figure

    name = NO_XML.sub("\ufffd", name)
    look = {
        "svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False, "font.size": FONT,
        "text.color": COLOURS["ink"][0], "axes.labelcolor": COLOURS["soft"][0], "xtick.color": COLOURS["soft"][0],
        "ytick.color": COLOURS["soft"][0], "axes.edgecolor": COLOURS["rule"][0], "grid.color": COLOURS["rule"][0],
        "axes.grid": True, "axes.axisbelow": True, "grid.linewidth": 0.8, "axes.spines.top": False,
        "axes.spines.right": False, "axes.spines.left": False, "xtick.major.size": 0, "ytick.major.size": 0,
        "axes.titlesize": FONT, "axes.titlelocation": "left", "axes.titlecolor": COLOURS["soft"][0],
    }  # fmt: skip
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(look)
        warnings.filterwarnings("ignore", message="Glyph")  # the page's fonts draw the text, not matplotlib's
        figure = Figure(figsize=(width, height), dpi=72)
        box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
        draw(figure.add_axes(box))
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(NO_XML.sub("\ufffd", file.getvalue()), name)


def _rounded(number: re.Match[str]) -> str:
    """A place to a hundredth of a unit, which no screen tells from more."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _inline(svg: str, name: str) -> str:
    """The <svg> element without prologue, metadata and group names; colours and fonts left to the page."""
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    opening = re.match(r"<svg [^>]*viewBox=\"([^\"]*)\"[^>]*>", svg)
    svg = f'<svg viewBox="{opening[1]}" role="img" aria-label="{escape(name)}">{svg[opening.end() :]}'
    svg = re.sub(r"<g id=\"[^\"]*\"", "<g", svg).replace("xlink:href", "href")
    svg = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda places: re.sub(r"-?\d+\.\d+", _rounded, places[0]), svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*; ?", "", svg)
    for colour, (shade, _) in COLOURS.items():
        svg = re.sub(rf"(fill|stroke): {shade}", rf"\1: var(--{colour})", svg)
    return svg

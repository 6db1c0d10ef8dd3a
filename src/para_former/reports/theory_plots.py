"""Drawings of the theory's records, as SVG for the page (`plots.svg`)."""

import statistics
from collections.abc import Sequence

from para_former.records import Record
from para_former.reports.experiments import grouped
from para_former.reports.plots import DASHES, banded_curve, label_ends, legend, svg
from para_former.reports.style import COLOURS
from para_former.reports.tables import name_of

HUES = [COLOURS[name][0] for name in ("depth-1", "depth-2", "depth-3", "depth-6", "depth-other")]
INK, SOFT, GREY = (COLOURS[name][0] for name in ("ink", "soft", "paper"))
SLOTS = {"alpha": HUES[0], "W": HUES[1], "theta": HUES[2], "A": HUES[3]}
MARKS = {
    "alpha": "o",
    "W": "s",
    "theta": "^",
    "A": "D",
    "twin": "o",
    "same class": "s",
    "other class": "^",
    "noise": "D",
}
SHAPES = {name: {"o": "●", "s": "■", "^": "▲", "D": "◆"}[mark] for name, mark in MARKS.items()}
"""the same marks as letters, for a legend"""
PAIRS = ("twin", "same class", "other class", "noise")


def approximation(record: Record) -> list[str]:
    """A panel for each target: error against N on logarithmic axes, both fits, and a line of slope -1/2."""
    targets = grouped(record["curves"], lambda curve: curve["target"])
    return [_error_curves(name, curves) for name, curves in targets.items()]


def _error_curves(name: str, curves: list[Record]) -> str:
    terms = curves[0]["terms"]

    def draw(axes) -> None:
        from matplotlib.ticker import FuncFormatter

        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        ends = []
        for curve, hue in zip(curves, HUES, strict=False):
            medians = [statistics.median(row) for row in curve["error"]]
            ends.append((terms[-1], medians[-1], hue, {"output": "alpha", "all": "all"}[curve["fit"]]))
            banded_curve(axes, curve["terms"], medians, curve["error"], hue, marker=".")
        first = max(statistics.median(curve["error"][0]) for curve in curves)
        guide = [first * (n / terms[0]) ** -0.5 for n in terms]
        axes.plot(terms, guide, color=GREY, linestyle=DASHES, linewidth=1)
        label_ends(axes, [*ends, (terms[-1], guide[-1], GREY, "N^(-1/2)")])
        axes.set_xticks(terms, [str(n) for n in terms])
        axes.minorticks_off()
        axes.set_xlabel("terms N")
        axes.set_title(f"{name}: relative error (root mean square)")

    return svg(f"Error of {name} against N", draw, left=0.75, right=0.9)


def parts(record: Record) -> list[str]:
    """Bars: each part's size in the logits, and in what differs between images."""
    rows = list(reversed(record["parts"]))

    def draw(axes) -> None:
        for offset, key, hue in ((0.2, "size", HUES[0]), (-0.2, "moving", HUES[1])):
            places = [row + offset for row in range(len(rows))]
            axes.barh(places, [part[key] for part in rows], height=0.36, color=hue, alpha=0.85)
        axes.set_yticks(range(len(rows)), [part["part"] for part in rows])
        axes.axvline(1, color=GREY, linestyle=DASHES, linewidth=1)
        axes.grid(axis="y", visible=False)
        legend(axes, dict(zip(("of logits", "of differences between images"), HUES, strict=False)))
        axes.set_xlabel("size, the whole being 1")

    return [svg(f"Parts of the logits, {name_of(record)}", draw, 0.42 * len(rows) + 1.1, left=1.75, right=0.2, top=0.6)]


def freedom(records: Sequence[Record]) -> list[str]:
    """The count against depth; then for each network how much its slots move, module by module."""
    counts = records[0]["counts"]

    def count(axes) -> None:
        depths = [row["depth"] for row in counts]
        axes.plot(depths, [row["slots"] for row in counts], color=GREY, linestyle=DASHES, linewidth=1)
        axes.plot(depths, [row["affected_with_norms"] for row in counts], color=HUES[1], linewidth=1.4, marker=".")
        axes.plot(depths, [row["freedom"] for row in counts], color=HUES[0], linewidth=1.6, marker="o", markersize=4)
        legend(axes, {"freedom (1 and 6 in the paper)": HUES[0], "affected, with norms": HUES[1], "all slots": GREY})
        axes.set_xticks(depths)
        axes.set_xlabel("depth m")
        axes.set_title("slots of one branch")

    return [svg("Degrees of freedom", count, top=0.6), *(_moving(record) for record in records)]


def _moving(record: Record) -> str:
    def draw(axes) -> None:
        names = ("alpha", "W", "theta")
        for name in names:
            slots = [slot for slot in record["slots"] if slot["slot"] == name]
            modules, shares = [slot["module"] for slot in slots], [100 * slot["moving"] for slot in slots]
            axes.plot(modules, shares, color=SLOTS[name], linewidth=1.4, marker=MARKS[name], markersize=5)
        legend(axes, {name: SLOTS[name] for name in names}, SHAPES)
        axes.set_xticks(range(1, record["depth"] + 1))
        axes.set_ylim(-3, 103)
        axes.set_xlabel("module of the branch")
        axes.set_title(f"{name_of(record)}: share of squared size that moves, %")

    return svg(f"Moving slots, {name_of(record)}", draw, top=0.6)


def similarity(record: Record) -> list[str]:
    """AUC of same class by slot and module; similarity of the kinds of pairs; similarity against that of pixels."""
    pixels, *slots = record["slots"]
    names = [name for name in ("A", "alpha", "W", "theta") if any(slot["slot"] == name for slot in slots)]

    def course_of(name: str, among: Sequence[Record]) -> tuple[list[int], list[float]]:
        found = [slot for slot in among if slot["slot"] == name]
        return [slot["module"] for slot in found], [slot["auc"] for slot in found]

    def told_apart(axes) -> None:
        low, high = (statistics.fmean(slot["auc_null"][side] for slot in slots) for side in (0, 1))
        axes.axhspan(low, high, color=GREY, alpha=0.2, linewidth=0)
        axes.axhline(pixels["auc"], color=INK, linewidth=1)
        for name in names:
            hue = SLOTS[name]
            look = {"color": hue, "marker": MARKS[name], "markersize": 4}
            axes.plot(*course_of(name, slots), linewidth=1.6, **look)
            axes.plot(*course_of(name, record["untrained"]), linestyle=DASHES, linewidth=1, **look)
        legend(axes, {**{name: SLOTS[name] for name in names}, "pixels": INK, "chance": GREY}, SHAPES)
        axes.set_ylim(0.45, 1)
        axes.set_xticks(sorted({slot["module"] for slot in slots if slot["module"]}))
        axes.set_xlabel("module of the branch; dashed: untrained")
        axes.set_title(f"{name_of(record)}; AUC: one class against two")

    def kinds(axes) -> None:
        shown = [pixels, *(slot for slot in slots if slot["module"] in (0, record["depth"]))]
        for offset, kind, hue in zip((0.27, 0.09, -0.09, -0.27), PAIRS, HUES, strict=False):
            for row, slot in enumerate(reversed(shown)):
                low, middle, high = slot["pairs"][kind]
                axes.plot([low, high], [row + offset] * 2, color=hue, linewidth=1.2, alpha=0.6)
                axes.plot(middle, row + offset, MARKS[kind], color=hue, markersize=4)
        axes.set_yticks(range(len(shown)), [_slot_label(slot) for slot in reversed(shown)])
        axes.axvline(0, color=GREY, linewidth=1)
        legend(axes, dict(zip(PAIRS, HUES, strict=False)), SHAPES)
        axes.set_xlabel("similarity: median and quartiles over pairs")

    def against_pixels(axes) -> None:
        last = [slot for slot in slots if slot["module"] == record["depth"]]
        axes.plot([-0.5, 1], [-0.5, 1], color=GREY, linestyle=DASHES, linewidth=1)
        for slot in last:
            look = {"color": SLOTS[slot["slot"]], "marker": MARKS[slot["slot"]], "markersize": 4}
            axes.plot(*zip(*slot["course"], strict=True), linewidth=1.6, **look)
        legend(axes, {slot["slot"]: SLOTS[slot["slot"]] for slot in last}, SHAPES)
        axes.set_xlabel("similarity of pixels, pairs in bins of equal count")
        axes.set_title("similarity of the last module's slots")

    return [
        svg(f"Same class told by parameters, {name_of(record)}", told_apart, top=0.6),
        svg(f"Similarity of pairs, {name_of(record)}", kinds, left=1.0, right=0.2, top=0.6),
        svg(f"Similarity against pixels, {name_of(record)}", against_pixels, top=0.6),
    ]


def branches(record: Record) -> list[str]:
    """Loss against the number of active branches, in the order given and greedily."""
    if record["branches"] == 1:
        return []
    counts = range(1, record["branches"] + 1)

    def draw(axes) -> None:
        hues = dict(zip(("order given", "greedy order"), HUES, strict=False))
        for name, hue in zip(("given", "greedy"), hues.values(), strict=True):
            losses = [loss for _, loss in record[f"order_{name}"]]
            axes.plot(counts, losses, color=hue, linewidth=1.6, marker="o", markersize=4)
        axes.set_yscale("log")
        axes.set_xscale("log", base=2)
        legend(axes, hues)
        ticks = [2**k for k in range(record["branches"].bit_length()) if 2**k < record["branches"]]
        axes.set_xticks([*ticks, record["branches"]], [*map(str, ticks), str(record["branches"])])
        axes.minorticks_off()
        losses = sorted(loss for _, loss in (*record["order_given"], *record["order_greedy"]))
        marks = [losses[0], (losses[0] * losses[-1]) ** 0.5, losses[-1]]
        axes.set_yticks(marks, [f"{mark:.2f}" for mark in marks])
        axes.set_xlabel("active branches")
        axes.set_title(f"{name_of(record)}: validation loss, nats")

    return [svg(f"Active branches, {name_of(record)}", draw, top=0.6)]


def _slot_label(slot: Record) -> str:
    return f"{slot['slot']} {slot['module'] or ''}".strip()

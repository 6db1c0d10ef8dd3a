"""Drawings of the data effect: error against the number of training images, accuracy of classes against variance."""

from para_former.records import Record
from para_former.reports.plots import (
    DASHES,
    colour_of,
    label_ends,
    logarithmic,
    marker_of,
    short_name,
    strength_of,
    svg,
)
from para_former.reports.series import Series
from para_former.reports.style import COLOURS
from para_former.reports.tables import name_of


def error_against_images(series: Series) -> str | None:
    """Test error against N, both logarithmic: a point is a mean with its spread over seeds, dashed is the power law."""
    curves = []
    for network in series.networks:
        errors = {size: error for size, error in series.errors(network).items() if error > 0}
        curves += [(network, errors)] if errors else []
    if not curves:
        return None
    heights = [error for _, errors in curves for error in errors.values()]

    def draw(axes) -> None:
        logarithmic(axes, "x")
        logarithmic(axes, "y", (1, 1.5, 2, 3, 4, 5, 6, 8))
        axes.set(xlim=(series.sizes[0] / 1.15, series.sizes[-1] * 1.15), ylim=(min(heights) / 1.3, max(heights) * 1.3))
        ends = []
        for network, errors in curves:
            spreads = [series.at(network, size).spread or 0.0 for size in errors]
            look = {"color": colour_of(network), "alpha": strength_of(network)}
            bars = [[min(spread, 0.9 * error) for spread, error in zip(spreads, errors.values(), strict=True)], spreads]
            axes.errorbar(list(errors), list(errors.values()), bars, fmt=marker_of(network), markersize=5,
                          linewidth=1.2, **look)  # fmt: skip
            if law := series.law(network):
                axes.plot(list(errors), [law(size) for size in errors], linestyle=DASHES, linewidth=1.2, **look)
            last = max(errors)
            ends.append((last, errors[last], colour_of(network), short_name(network)))
        label_ends(axes, ends)
        axes.set_xlabel("training images N; dashed: a N^(−b)")
        axes.set_title("test error, %")

    return svg(f"Error against training images, {series.name}", draw, right=1.0)


def accuracy_against_variance(record: Record, measure: str) -> str:
    """A point for each class: its test accuracy against the variance of its background, or another measure."""
    hue = COLOURS["depth-1"][0]

    def draw(axes) -> None:
        variances = record["measures"][measure]
        axes.plot(variances, record["top1"], "o", color=hue, alpha=0.55, markersize=5, markeredgewidth=0)
        axes.set_xlabel(f"variance of the {measure}, pixels in [0, 1] squared")
        axes.set_title("test top-1 of a class, %")

    return svg(f"Accuracy against variance of the {measure}, {name_of(record)}", draw, right=0.2)

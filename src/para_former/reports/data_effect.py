"""The section of a report on the paper's Section 4.4: how much the number of training images and their variety matter.

Numbers come from `series` and from records of the study `diversity`; here are the table, the sentences and the order.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from para_former.records import Record
from para_former.reports.data_plots import accuracy_against_variance, error_against_images
from para_former.reports.diversity import diversity_sentences, diversity_table, find, rho
from para_former.reports.document import Block, Cell, Figure, Grid, Heading, Paragraph, Points, Table
from para_former.reports.experiments import Network
from para_former.reports.findings import doubt, names, single_seed
from para_former.reports.runs import Run
from para_former.reports.series import Series, series
from para_former.reports.tables import linked_accuracy, name_of, not_measured, signed

INTRODUCTION = (
    "Section 4.4 of the paper lays its low accuracies to the data: too few images, diverse images of one class, "
    "diverse backgrounds."
)
PARTS = (
    "Here the same networks learn from part of the training images, as many of each class as of any other; each part "
    "contains every smaller one and is the same for all seeds. Validation and test images stay."
)
READING = (
    "Both axes are logarithmic: a power law is a straight line. Bars: sample standard deviation over seeds. Dashed: "
    "least squares on logarithms of the means."
)
LIMITS = (
    "How to read this: the variance is one of pixels at a place, so it counts position, size and light as well as "
    "kind, and “background” is a place. It is taken over the images that the network learned from, few for some "
    "classes, which makes it uncertain and draws correlations towards 0. How much a class looks like another, and how "
    "many test images it has, is not in it. One interval in twenty leaves out 0 by chance alone. That two things go "
    "together does not make one the cause of the other."
)


def data_effect_section(runs: Sequence[Run], theory: Sequence[Record]) -> Iterator[Block]:
    """Nothing without a run on part of the images or a record of the study `diversity`."""
    found, varied = series(runs), [record for record in theory if record["study"] == "diversity"]
    if not found and not varied:
        return
    yield Heading(2, "How much do data matter?", anchor="data-effect")
    yield Paragraph(INTRODUCTION)
    if found:
        yield Paragraph(PARTS)
    for each in found:
        yield Heading(3, f"Accuracy against training images: {each.name}")
        yield series_table(each)
        if drawing := error_against_images(each):
            yield Grid("figures", (Figure((drawing,), "Error against training images.", READING),))
        yield Points(tuple(series_sentences(each)))
    if varied:
        yield Heading(3, "Is background or diversity to blame?")
        yield from _diversity(varied)


def series_table(found: Series) -> Table:
    """One row a network, one column a number of images, then the power law."""
    sizes = {size: f"{size:,}{', all' if size == found.whole else ''}" for size in found.sizes}
    columns = ("Network", *sizes.values(), "Exponent b", "R²", "Error less by a doubling, %")
    rows = tuple(
        (Cell(network.label), *(linked_accuracy(found.at(network, size)) for size in sizes), *_law(found, network))
        for network in found.networks
    )
    caption = (
        f"{found.name}: test top-1, %, against the number of training images; mean ± sample standard deviation over "
        "seeds, with the record of each seed. b: exponent of error = a N^(−b), by least squares on logarithms of "
        "mean errors, ± its standard error from four sizes on."
    )
    return Table(caption, columns, frozenset(columns[1:]), rows)


def series_sentences(found: Series) -> list[str]:
    """What the table says: growth of each network, serial against parallel, and what limits both."""
    texts = [_growth(found, network) for network in found.networks]
    texts += [_proportion(found), *_serial_against_parallel(found), _no_law(found), _steps(found), _seeds(found)]
    return [text for text in texts if text]


def _law(found: Series, network: Network) -> tuple[Cell, ...]:
    law = found.law(network)
    if law is None:
        return (not_measured("fewer than 3 sizes"),) * 3
    beside = "" if law.standard_error is None else f"± {law.standard_error:.3f}"
    r2 = "–" if law.r2 is None else f"{law.r2:.3f}"
    return Cell(f"{law.b:.3f}", beside=beside), Cell(r2), Cell(f"{100 * law.saved_by_doubling:.1f}")


def _growth(found: Series, network: Network) -> str:
    measured = found.measured(network)
    if len(measured) < 2:
        return ""
    falls = [f"{low:,} to {high:,}" for (low, one), (high, two) in pairwise(measured.items()) if two.top1 <= one.top1]
    growth = f"does not grow from {', '.join(falls)} images" if falls else "grows with every step"
    times, better = _times(measured)
    return f"{network.label}: accuracy {growth}; {times:.1f} times the images give {better:.2f} times the accuracy."


def _proportion(found: Series) -> str:
    """The paper's words, taken at their word."""
    tested = [(network, found.measured(network)) for network in found.networks]
    grown = [(network, *_times(measured)) for network, measured in tested if len(measured) > 1]
    grown = [each for each in grown if each[1] >= 2]
    if not grown:
        return ""
    proportional = [network for network, times, better in grown if better > 0.9 * times]
    where = f"of {names(proportional)}" if proportional else "of none of these networks"
    return (
        "The paper calls performance “generally directly proportional to the amount of available data”; here the "
        f"accuracy {where} is, to a tenth."
    )


def _times(measured: Mapping[int, Network]) -> tuple[float, float]:
    """How many times the images, and the accuracy, of the first size the last one has."""
    (few, first), *_, (many, last) = measured.items()
    return many / few, last.top1 / max(first.top1, 0.01)


def _no_law(found: Series) -> str:
    sizes = [size for network in found.networks if found.law(network) for size in found.errors(network)]
    if not sizes:
        return ""
    decades = math.log10(max(sizes) / min(sizes))
    return (
        f"A power law over {decades:.1f} decades of one data set describes these points; it is no law, and says "
        "nothing of more images, of other data or of other settings."
    )


def _serial_against_parallel(found: Series) -> list[str]:
    """At the fewest and at the most images that both were tested on."""
    serial = [network for network in found.networks if network.serial and network.layers > 1]
    parallel = [network for network in found.networks if not network.serial]
    texts = []
    for one in serial:
        for other in parallel:
            shared = sorted(found.measured(one).keys() & found.measured(other).keys())
            ends = dict.fromkeys([shared[0], shared[-1]] if shared else [])
            gaps = [_gap(found.at(one, size), found.at(other, size), size) for size in ends]
            if gaps:
                texts.append(f"Serial {one.label} less parallel {other.label}: {', '.join(gaps)}.")
    return texts or [
        "No serial network of several layers and a parallel one were both trained on parts of these images."
    ]


def _gap(serial: Network, parallel: Network, size: int) -> str:
    gap = serial.top1 - parallel.top1
    better = "serial is better" if gap > 0 else "parallel is better" if gap < 0 else "equal"
    return f"{signed(gap)} points at {size:,} images ({better}{doubt(serial, parallel)})"


def _steps(found: Series) -> str:
    """Equal epochs are not equal training."""
    runs = sorted(found.runs, key=lambda run: run.images)
    few, many = runs[0], runs[-1]
    if few.images == many.images or any("batch_size" not in run.line["config"] for run in runs):
        return ""
    return (
        f"Every size has {found.experiment.epochs} epochs, so not as many steps: {_count(few):,} at {few.images:,} "
        f"images, {_count(many):,} at {many.images:,}. Part of what more images bring is longer training."
    )


def _count(run: Run) -> int:
    return run.line["epochs"] * max(1, run.images // run.line["config"]["batch_size"])


def _seeds(found: Series) -> str:
    return single_seed(each for network in found.networks for each in found.measured(network).values())


def _diversity(records: Sequence[Record]) -> Iterator[Block]:
    """The table of all runs; the drawing and the sentences of each data set's most accurate one."""
    yield diversity_table(records)
    shown = {}
    for record in sorted(records, key=lambda each: sum(each["top1"]) / len(each["top1"])):
        shown[record["dataset"]] = record
    for record in shown.values():
        yield Grid("figures", tuple(_scatter(record, measure) for measure in ("background", "foreground")))
        yield Points(tuple(diversity_sentences(record)))
    yield Paragraph(LIMITS)


def _scatter(record: Record, measure: str) -> Figure:
    panel = accuracy_against_variance(record, measure)
    title = f"Accuracy of each class against the variance of its {measure}."
    return Figure((panel,), title, f"{name_of(record)}: {rho(find(record, measure))}.")

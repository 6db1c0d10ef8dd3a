"""Is background or diversity to blame? The rank correlations of the study `diversity` as a table and as sentences.

The figures come with the record; which of the paper's statements they bear out is decided here, by the sign and the
interval alone.
"""

from collections.abc import Sequence
from statistics import fmean

from para_former.records import Record
from para_former.reports.document import Cell, Table
from para_former.reports.tables import name_of, signed, span

COLUMNS = {  # (of, fixed): title
    ("within", None): "rho, whole",
    ("shape", None): "rho, whole less mean colour",
    ("background", None): "rho, background",
    ("foreground", None): "rho, foreground",
    ("background", "foreground"): "rho, background, foreground fixed",
    ("foreground", "background"): "rho, foreground, background fixed",
    ("images", None): "rho, number of images",
}


def diversity_table(records: Sequence[Record]) -> Table:
    """One row a run: rank correlation of each measure with the accuracy of the class, below it its interval."""
    rows = []
    for record in records:
        run = f"{record['epochs']} epochs of {record['recipe']}"
        rows.append(
            {
                "Network": Cell(name_of(record), below=run, links=((f"seed {record['seed']}", record["path"]),)),
                **{
                    f"Variance, {name}": f"{fmean(record['measures'][name]):.4f}"
                    for name in ("background", "foreground")
                },
                **{name: _correlation(find(record, of, fixed=fixed)) for (of, fixed), name in COLUMNS.items()},
            }
        )
    caption = (
        "Classes of a data set: Spearman's rank correlation of the variance among their training images with their "
        f"test accuracy, below it the 95 % interval ({records[0]['resamples']:,} bootstrap samples of classes). Below "
        "0: the more varied, the worse. Variances are means over classes, squared units of a pixel in [0, 1], of "
        "images averaged down to 16 × 16. Background: the outer eighth on each side; foreground: the middle half."
    )
    return Table.from_rows(caption, rows, {"Network"})


def diversity_sentences(record: Record) -> list[str]:
    """What one record says of the paper's Section 4.4, and what it cannot say."""
    background, foreground, within = (find(record, of) for of in ("background", "foreground", "within"))
    together = find(record, "background", "foreground")
    alone = find(record, "background", "top1", "foreground"), find(record, "foreground", "top1", "background")
    counts = span(record["measures"]["images"], "{:,.0f}".format)
    left_out = f" Left out, for want of images: {', '.join(record['left_out'])}." if record["left_out"] else ""
    return [
        f"{name_of(record)}, {len(record['classes'])} classes, rank correlations rho with 95 % intervals: classes of "
        f"diverse backgrounds are recognised {_verdict(background)}, those of diverse foregrounds "
        f"{_verdict(foreground)}, those of diverse images as a whole {_verdict(within)}.{left_out}",
        "The paper's claim that “prediction results are worse for categories with diverse backgrounds or inherent "
        f"diversity” is {_claim(background)} for backgrounds and {_claim(foreground)} for what stands before them.",
        f"Variance of the background and of the foreground: {rho(together)} between them. {_blame(*alone)}",
        f"Classes have {counts} training images; their number and accuracy: {rho(find(record, 'images'))}.",
    ]


def find(record: Record, of: str, other: str = "top1", fixed: str | None = None) -> Record:
    return next(
        each for each in record["correlations"] if (each["of"], each["with"], each["fixed"]) == (of, other, fixed)
    )


def _verdict(found: Record) -> str:
    side = "worse" if found["high"] < 0 else "better" if found["low"] > 0 else "neither better nor worse beyond chance"
    return f"{side}, {rho(found)}"


def _claim(found: Record) -> str:
    return "borne out" if found["high"] < 0 else "contradicted" if found["low"] > 0 else "not confirmed"


def _blame(background: Record, foreground: Record) -> str:
    """Which of the two still goes with low accuracy where the other is held fixed."""
    figures = f"background {rho(background)}, foreground {rho(foreground)}"
    blamed = [each["of"] for each in (background, foreground) if each["high"] < 0]
    return f"Each with the other held fixed: {figures}. So tied to low accuracy: {' and '.join(blamed) or 'neither'}."


def _correlation(found: Record) -> Cell:
    return Cell(signed(found["rho"]), below=_interval(found))


def rho(found: Record) -> str:
    return f"rho {signed(found['rho'])} [{_interval(found)}]"


def _interval(found: Record) -> str:
    return f"{signed(found['low'])}\xa0to\xa0{signed(found['high'])}"

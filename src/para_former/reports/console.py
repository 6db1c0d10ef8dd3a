"""The accuracy tables, the overviews of benchmarks and the theory's findings on a terminal; the page has the rest."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from para_former.records import ABLATION, Record, find_records
from para_former.reports.ablation import ablation_tables
from para_former.reports.bench_section import overviews
from para_former.reports.data_effect import series_table
from para_former.reports.document import Table as Cells
from para_former.reports.experiments import experiments
from para_former.reports.runs import collect
from para_former.reports.series import series
from para_former.reports.tables import accuracy_table, full_name
from para_former.reports.theory_findings import theory_sentences


def print_theory(record: Record, console: Console) -> None:
    """The findings of one study, a paragraph each."""
    for text in theory_sentences(record):
        console.print(f"- {text}")


def print_tables(roots: Sequence[Path], console: Console) -> None:
    """One table for each experiment and each suite of benchmarks among the records at or below `roots`."""
    records = {str(path): lines for path, lines in find_records(roots)}
    runs, latencies = collect(records)
    found = experiments([run for run in runs if run.whole and run.study != ABLATION], latencies)
    changed = experiments([run for run in runs if run.study == ABLATION], latencies)
    for experiment in found:
        _print(full_name(experiment), accuracy_table(experiment), console)
    for name, table in ablation_tables(found, changed).items():
        _print(name, table, console)
    for each in series(runs):
        _print(f"{each.name}, by training images", series_table(each), console)
    for name, table in overviews(records):
        _print(name, table, console)


def _print(name: str, table: Cells, console: Console) -> None:
    shown = Table(title=name, caption=table.caption, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in table.columns:  # eight of them fit into 80 columns of a terminal
        side, is_name = "right" if column in table.numbers else "left", column == table.columns[0]
        shown.add_column(column, justify=side, overflow="fold", no_wrap=is_name)
    for row in table.rows:
        shown.add_row(*("–" if cell.kind == "missing" else f"{cell.text} {cell.beside}".strip() for cell in row))
    console.print(shown)

"""The accuracy tables of a report on a terminal; the page has the rest."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from para_former.records import find_records
from para_former.reports.experiments import collect, experiments
from para_former.reports.tables import accuracy_table, title


def print_tables(roots: Sequence[Path], console: Console) -> None:
    """One table for each experiment among the records at or below `roots`."""
    runs, latencies = collect({str(path): records for path, records in find_records(roots)})
    for experiment in experiments(runs, latencies):
        table = accuracy_table(experiment)
        shown = Table(title=f"{title(experiment.dataset)}, {experiment.name}", caption=table.caption)
        for column in table.columns:
            shown.add_column(
                column, justify="right" if column in table.numbers else "left", no_wrap=column == table.columns[0]
            )
        for row in table.rows:
            shown.add_row(*(" ".join(filter(None, (cell.text, cell.beside, cell.below))) for cell in row))
        console.print(shown)

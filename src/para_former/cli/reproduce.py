"""`para-former reproduce`: the networks of one of the paper's tables trained and timed, then the table and its page."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from para_former.cli.parsing import parse
from para_former.records import Record, find_records
from para_former.reports import write_report
from para_former.reports.console import print_tables
from para_former.training.recipes import get_recipe
from para_former.training.reproduce import cells, reproduce


@dataclass(frozen=True)
class Options:
    """The networks of a table of the paper. Finished cells are kept: stop at any moment, start again to go on."""

    dataset: str = "digits"
    """data set: digits, cifar10 or cifar100"""
    table: Literal["2", "3", "2+3"] = "2+3"
    """2: depth 1 (1-1, 1-6, 1-12, 1-24); 3: deeper (6-6, 2-24, 3-24, 6-24)"""
    recipe: str = "basic"
    """how to train"""
    seeds: int = 1
    """runs of each network, with seeds 0, 1, ..."""
    epochs: int | None = None
    """passes over the training split; the recipe's own when left out"""
    output: Path = Path("runs/reproduce")
    """folder for the runs and the report"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "reproduce")
    defaults = get_recipe(options.recipe, options.dataset)
    defaults = replace(defaults, data_root=options.data_root, device=options.device)
    if options.epochs is not None:
        defaults = replace(defaults, epochs=options.epochs)
    runs = cells(options.table, defaults, options.seeds, options.output)
    reproduce(runs, options.output, console)
    page, markdown = write_report([options.output], options.output)
    print_tables([options.output], console)
    console.print(f"\nreport: {page}", highlight=False)
    return {"page": str(page), "markdown": str(markdown), "records": [p for p in _record_files(options.output)]}


def _record_files(output: Path) -> list[str]:
    return [str(path) for path, _ in find_records([output])]

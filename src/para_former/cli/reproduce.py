"""`para-former reproduce`: the networks of one of the paper's tables trained and timed, then the table and its page."""

import shlex
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from para_former.cli.parsing import parse
from para_former.cli.stopping import stoppable
from para_former.errors import InputError
from para_former.records import Record, find_records
from para_former.reports import write_report
from para_former.reports.console import print_tables
from para_former.training.config import Precision
from para_former.training.recipes import get_recipe
from para_former.training.reproduce import cells, data_effect_cells, fingerprint_cells, reproduce


@dataclass(frozen=True)
class Options:
    """The networks of a table of the paper. Finished cells are kept: stop at any moment, start again to go on."""

    dataset: str = "digits"
    """data set: digits, cifar10, cifar100, stl10, pets, flowers102, or folder:PATH"""
    table: str = "2+3"
    """2: depth 1 (1-1, 1-6, 1-12, 1-24); 3: deeper (6-6, 2-24, 3-24, 6-24); or networks of your own: 1-6,6-6"""
    recipe: str = "basic"
    """how to train"""
    seeds: int = 1
    """runs of each network, with seeds 0, 1, ..."""
    epochs: int | None = None
    """passes over the training split; the recipe's own when left out"""
    train_images: str | None = None
    """numbers of training images, each for runs of its own: 1000,2000,5000; all images when left out"""
    fingerprint: bool = False
    """every combination of the settings that the paper leaves open, in place of the recipe's own"""
    output: Path = Path("runs/reproduce")
    """folder for the runs and the report"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""
    precision: Precision = "float32"
    """of the products"""
    compile: bool = False
    """compile the step with torch.compile"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "reproduce")
    defaults = get_recipe(options.recipe, options.dataset)
    passed_on = ("data_root", "device", "precision", "compile")
    defaults = replace(defaults, **{name: getattr(options, name) for name in passed_on})
    if options.epochs is not None:
        defaults = replace(defaults, epochs=options.epochs)
    list_cells = fingerprint_cells if options.fingerprint else cells
    if options.train_images is not None:
        if options.fingerprint:
            raise InputError("--train-images: expected without --fingerprint, found both")
        list_cells = partial(data_effect_cells, sizes=options.train_images)
    runs = list_cells(options.table, defaults, options.seeds, options.output)
    with stoppable(f"para-former reproduce {shlex.join(arguments)}"):
        reproduce(runs, options.output, console)
    page, markdown = write_report([options.output], options.output)
    print_tables([options.output], console)
    console.print(f"\nreport: {page}")
    return {
        "page": str(page),
        "markdown": str(markdown),
        "records": [str(path) for path, _ in find_records([options.output])],
    }

"""`para-former reproduce`: the networks of the paper's tables trained and timed, at once or in pieces, and the page."""

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from para_former.cli.parsing import parse
from para_former.cli.stopping import stoppable
from para_former.data import get_spec, locate
from para_former.errors import InputError, MissingData
from para_former.records import OF_THE_PAPER, Record, expect_folder, find_records
from para_former.reports import paper, write_report
from para_former.reports.console import print_tables
from para_former.training.config import Precision, TrainConfig
from para_former.training.deadline import Deadline
from para_former.training.recipes import expect_weights, get_recipe
from para_former.training.reproduce import (
    ablation_cells,
    cells,
    cheapest_first,
    data_effect_cells,
    fingerprint_cells,
    reproduce,
    unfinished,
)
from para_former.training.run import epochs_recorded, is_finished


@dataclass(frozen=True)
class Options:
    """The networks of a table of the paper. Finished cells are kept: stop at any moment, start again to go on."""

    dataset: str = "digits"
    """data set: digits, cifar10, cifar100, stl10, pets, flowers102, or folder:PATH; several by commas"""
    table: str = "2+3"
    """2: depth 1 (1-1, 1-6, 1-12, 1-24); 3: deeper (6-6, 2-24, 3-24, 6-24); or your own list: 1-6,6-6,base-1-1"""
    recipe: str = "basic"
    """how to train: basic, paper, paper-short, shallow, shallow-conv, modern or modern-conv"""
    seeds: int = 1
    """runs of each network, with seeds 0, 1, ..."""
    epochs: int | None = None
    """passes over the training split; the recipe's own when left out"""
    train_images: str | None = None
    """numbers of training images, each for runs of its own: 1000,2000,5000; all images when left out"""
    fingerprint: bool = False
    """every combination of the settings that the paper leaves open, in place of those of paper or paper-short"""
    ablation: bool = False
    """the recipe, and again with one of its settings changed at a time"""
    minutes: float | None = None
    """stop by then, at the end of an epoch, with the command that goes on; to the end when left out"""
    output: Path = Path("runs/reproduce")
    """folder for the runs and the report"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""
    precision: Precision = "float32"
    """of matrix multiplications; weights and optimiser stay float32"""
    compile: bool = False
    """compile the step with torch.compile; not on a GPU"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "reproduce")
    expect_folder(options.output)
    deadline = Deadline(math.inf if options.minutes is None else options.minutes)
    command = f"para-former reproduce {shlex.join(arguments)}".strip()
    runs = _runs(options, console)
    failed = None
    with stoppable(lambda: command):
        try:
            left = reproduce(runs, options.output, console, deadline)
        except FloatingPointError as error:  # the other cells are trained, and reported
            left, failed = unfinished(cheapest_first(runs), options.output), error
    page, markdown = write_report([options.output], options.output)
    print_tables([options.output], console)
    console.print(f"\nreport: {page}")
    finished = len(runs) - len(left)
    rest = f"next is {_place(left[0])}; go on by: {command}" if left else "nothing is left to do"
    console.print(f"{finished} of {len(runs)} cells finished; {rest}")
    if failed:
        raise failed
    return {
        "page": str(page),
        "markdown": str(markdown),
        "records": [str(path) for path, _ in find_records([options.output])],
        "cells": len(runs),
        "finished": finished,
    }


def _runs(options: Options, console: Console) -> list[TrainConfig]:
    """The cells of every data set that is there; a line says which is left out. InputError where none is there."""
    runs, missing = [], {}
    for dataset in dict.fromkeys(options.dataset.split(",")):
        try:
            runs += _runs_on(dataset, options)
        except MissingData as error:
            missing[dataset] = str(error)
    if not runs:
        raise InputError("; ".join(missing.values()))
    folders = [run.folder() for run in runs]
    if twice := next((folder for folder in folders if folders.count(folder) > 1), None):
        raise InputError(f"{twice}: expected one cell there, found two: a network named twice, or folders named alike")
    for dataset, reason in missing.items():
        console.print(f"{dataset} is left out: {reason}")
    return runs


def _runs_on(dataset: str, options: Options) -> list[TrainConfig]:
    """The cells of one data set; MissingData where one is not trained yet and the data set is not there."""
    list_cells = _study(options)
    if options.fingerprint and dataset not in paper.TITLES:
        raise InputError(f"--fingerprint: expected a data set of the paper, {', '.join(paper.TITLES)}; found {dataset}")
    if options.fingerprint and options.recipe not in OF_THE_PAPER:
        raise InputError(f"--fingerprint: expected --recipe {' or '.join(OF_THE_PAPER)}; found {options.recipe}")
    defaults = get_recipe(options.recipe, dataset)
    expect_weights(defaults)
    passed_on = ("data_root", "device", "precision", "compile")
    defaults = replace(defaults, **{name: getattr(options, name) for name in passed_on})
    if options.epochs is not None:
        defaults = replace(defaults, epochs=options.epochs)
    runs = list_cells(options.table, defaults, options.seeds, options.output)
    if not all(is_finished(run.folder()) for run in runs):
        locate(get_spec(dataset), options.data_root)
    return runs


def _study(options: Options) -> Callable[[str, TrainConfig, int, Path], list[TrainConfig]]:
    """Which cells to list: the recipe's own, or those of the one study asked for."""
    studies = {
        "--fingerprint": (options.fingerprint, fingerprint_cells),
        "--ablation": (options.ablation, ablation_cells),
        "--train-images": (options.train_images is not None, partial(data_effect_cells, sizes=options.train_images)),
    }
    asked = {flag: study for flag, (wanted, study) in studies.items() if wanted}
    if len(asked) > 1:
        raise InputError(f"{', '.join(asked)}: expected one of them, found {len(asked)}")
    return next(iter(asked.values()), cells)


def _place(run: TrainConfig) -> str:
    """A cell and how far it has come."""
    return f"{run.model} on {run.dataset}, seed {run.seed}, after epoch {epochs_recorded(run.folder())} of {run.epochs}"

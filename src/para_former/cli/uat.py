"""`para-former uat STUDY [RUN...]`: the paper's theory on trained networks, as records and a page."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from rich.console import Console

from para_former.cli.parsing import parse
from para_former.errors import InputError
from para_former.evaluation import diversity_study
from para_former.models import load
from para_former.records import Record, append_record, environment, expect_folder
from para_former.reports import write_report
from para_former.reports.console import print_theory
from para_former.theory.on_data import STUDIES
from para_former.theory.studies import approximation_study
from para_former.training.datasets import dataset_of
from para_former.training.run import result_line, run_line

RECORD_FILE = "theory.jsonl"
LEAST = 10
"""images to look at: of fewer, variances and correlations say nothing"""
Study = Literal["approximation", "decomposition", "freedom", "similarity", "branches", "diversity"]


@dataclass(frozen=True)
class Options:
    """Universal approximation, seen: Eq. 1 to 9 of the paper, degrees of freedom and Figure 6, as records and a page.

    approximation: error of Eq. 1 against its number of terms. decomposition: a network in the form of Eq. 8 and 9.
    freedom: parameters that move with the image. similarity: whether like images get like parameters. branches: what
    each branch does. diversity: whether classes of diverse images or backgrounds are recognised worse (Section 4.4).
    """

    study: Annotated[Study, tyro.conf.Positional]
    """what to look at; all but approximation need a RUN"""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[RUN...]")]
    """folders of finished runs"""
    images: int = 72
    """images of the validation split to look at; branches takes all of them, diversity those that were trained on"""
    terms: int = 256
    """approximation: N goes from 2 to this in powers of two"""
    seeds: int = 3
    """approximation: fits of each N"""
    output: Path = Path("runs/uat")
    """folder for theory.jsonl, report.html and report.md"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "uat")
    expect_folder(options.output)
    if options.study == "approximation":
        _check(not options.runs, f"approximation needs no run, found {', '.join(map(str, options.runs))}")
        _check(options.terms >= 4 and options.seeds >= 1, "expected --terms of at least 4 and --seeds of at least 1")
        counts = [2**k for k in range(1, options.terms.bit_length())]
        results = [approximation_study(counts, options.seeds, steps=300)]
    else:
        _check(bool(options.runs), f"{options.study}: expected the folder of a run, found none")
        _check(options.images >= LEAST, f"images: expected at least {LEAST}, found {options.images}")
        for folder in options.runs:
            run_line(folder)  # a wrong one is told before the first study
        results = (_of_run(folder, options) for folder in options.runs)
    records = []
    for each in results:
        record = {"kind": "theory", "study": options.study, **each, "environment": _environment()}
        append_record(options.output / RECORD_FILE, record)
        print_theory(record, console)
        records.append(record)
    page, markdown = write_report([options.output / RECORD_FILE], options.output)
    console.print(f"\npage with figures: {page}")
    return {"page": str(page), "markdown": str(markdown), "records": records}


def _of_run(folder: Path, options: Options) -> Record:
    """The study of one trained network, with what says which network that is."""
    line, model = run_line(folder), load(folder)
    dataset = dataset_of(line, options.data_root)
    if options.study == "diversity":  # asks how right the network was, not what is in it
        figures = diversity_study(dataset.train, dataset.spec.classes, result_line(folder)["per_class_top1"])
    else:
        found = len(dataset.validation)
        _check(found >= LEAST, f"{folder}: expected at least {LEAST} validation images to look at, found {found}")
        figures = STUDIES[options.study](model, dataset, options.images)
    names = ("model", "depth", "layers", "dataset", "recipe", "seed", "epochs", "model_config")
    return {**{name: line[name] for name in names}, **figures}


def _environment() -> Record:
    """Conditions, threads and the most memory this process has held, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {**environment(), "threads": torch.get_num_threads(), "peak_memory": peak}


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(message)

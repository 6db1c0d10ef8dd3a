"""`para-former bench`: networks timed against everything a user could run in their place, one line a point."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from para_former.bench.run import SECONDS, run_suite
from para_former.bench.suites import SUITES
from para_former.cli.parsing import parse
from para_former.cli.stopping import stoppable
from para_former.errors import InputError
from para_former.records import Record, expect_folder
from para_former.reports import write_report
from para_former.training.device import pick_device

OURS = ("prepared", "stacked")  # a line shows the first of them that was measured
ROW = "{:<8}{:<6}{:<11}{:<10}{:>6}{:>6}{:>7}{:>18} {:>18}  {:<26}{:>8}"
HEADER = ROW.format(
    *("network", "pool", "mode", "dtype", "width", "batch", "tokens"),
    *("baseline, ms", "ours, ms", "ratio (quartiles)", "error"),
)


@dataclass(frozen=True)
class Options:
    """Time networks against what else could be run. Measured points are kept: stop at any moment, start again."""

    suite: Literal["quick", "cpu", "gpu", "grid"] = "quick"
    """quick: under a minute; cpu: all claims, 8 to 16 minutes on two cores; gpu: the claims on a GPU, compiled ones at
    four points, by estimate 10 minutes, or 9 with --seconds-per-point 1; grid: prepared against the loop, hours"""
    output: Path = Path("runs/bench")
    """folder for the records, bench-SUITE.jsonl, and the report"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU for the suite gpu and the CPU for all others"""
    threads: int | None = None
    """CPU threads of one operation; PyTorch's own choice when left out"""
    seconds_per_point: float = SECONDS
    """of timing; a point has at least 3 rounds, at most 60"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "bench")
    command = f"para-former bench {shlex.join(arguments)}".strip()
    if options.threads is not None and options.threads < 1:
        raise InputError(f"threads: expected at least 1, found {options.threads}")
    if not options.seconds_per_point >= 0:
        raise InputError(f"seconds_per_point: expected at least 0, found {options.seconds_per_point}")
    expect_folder(options.output)
    device = pick_device(("auto" if options.suite == "gpu" else "cpu") if options.device == "auto" else options.device)
    if options.suite == "gpu" and device.type != "cuda":
        console.print(f"not measured: no CUDA device; on a machine that has one: {command}")
        return {"suite": "gpu", "not_measured": "no CUDA device", "command": command}
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    points, path = SUITES[options.suite](), options.output / f"bench-{options.suite}.jsonl"
    console.print(f"{len(points)} points on {device}, {torch.get_num_threads()} threads; records in {path}")
    bar = Progress(
        TextColumn("points"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    records: list[Record] = []
    with stoppable(lambda: command, unit="point"), bar:
        task = bar.add_task("", total=len(points))
        for record in run_suite(options.suite, points, path, device=device, seconds=options.seconds_per_point):
            bar.update(task, advance=1)
            if not records:
                console.print(HEADER)
            console.print(row(record))
            records.append(record)
    for name, reason in {name: why for record in records for name, why in record["not_measured"].items()}.items():
        console.print(f"not measured: {name}: {reason}")
    page, markdown = write_report([options.output], options.output)
    console.print(f"\nrecords: {path}\nreport: {page}")
    return {"suite": options.suite, "records": str(path), "page": str(page), "points": records}


def row(record: Record) -> str:
    """One point: the baseline, ours, the ratio of their times with its quartiles, and our relative error."""
    setting = [record[name] for name in ("pool", "mode", "dtype", "width", "batch", "tokens")]
    found = {contender["name"]: contender for contender in record["contenders"]}
    baseline, ours = found.get(record["baseline"]), next((found[name] for name in OURS if name in found), None)
    times = [f"{each['name']} {each['ms']['median']:.3f}" if each else "–" for each in (baseline, ours)]
    ratio = ours and ours["ratio"]
    shown = "{median:.2f} ({q1:.2f} to {q3:.2f})".format(**ratio) if ratio else "–"
    error = f"{ours['relative_error']:.0e}" if ours else "–"
    return ROW.format(f"{record['depth']}-{record['layers']}", *setting, *times, shown, error)

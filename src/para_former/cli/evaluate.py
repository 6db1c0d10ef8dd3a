"""`para-former evaluate RUN`: accuracy of a trained network on one split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from para_former.cli.parsing import parse
from para_former.data import DeviceSplit, evaluation_batches
from para_former.evaluation import classify
from para_former.models import load
from para_former.records import Record, append_record, environment, expect_file
from para_former.training.datasets import dataset_of
from para_former.training.device import pick_device
from para_former.training.loop import images_at_once
from para_former.training.run import EVALUATIONS_FILE, parts_of_a_step, run_line


@dataclass(frozen=True)
class Options:
    """Accuracy of a trained network on one split."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """folder of a finished run"""
    split: Literal["train", "validation", "test"] = "test"
    """which images"""
    data_root: Path | None = None
    """folder of the data sets; $PARA_FORMER_DATA or ./data when left out"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "evaluate")
    line, device = run_line(options.run), pick_device(options.device)
    expect_file(options.run / EVALUATIONS_FILE)
    model = load(options.run).float().to(device)
    dataset = dataset_of(line, options.data_root)
    split = DeviceSplit.from_split(getattr(dataset, options.split), device)
    at_once = images_at_once(line["config"]["batch_size"], parts_of_a_step(options.run))
    batches = evaluation_batches(split, dataset.spec, batch_size=at_once)
    figures = classify(model, batches, dataset.spec.num_classes)
    result = {"split": options.split, "classes": list(dataset.spec.classes), **figures}
    append_record(options.run / EVALUATIONS_FILE, {"kind": "evaluation", **result, "environment": environment()})
    console.print(
        f"{line['model']} on {dataset.spec.title}, {options.split} split, {figures['images']:,} images: "
        f"top-1 {figures['top1']:.2f} %, top-5 {figures['top5']:.2f} %, loss {figures['loss']:.4f}, "
        f"calibration error {figures['calibration_error']:.2f} %",
    )
    table = Table("class", "top-1, %", box=None)
    ranked = sorted(zip(figures["per_class_top1"], dataset.spec.classes, strict=True), key=lambda pair: -(pair[0] or 0))
    for accuracy, name in ranked:
        table.add_row(name, "no images" if accuracy is None else f"{accuracy:.1f}")
    console.print(table)
    return {"run": str(options.run), **result}

"""`para-former predict RUN IMAGE...`: the five most likely classes of each image file."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from para_former.cli.parsing import parse
from para_former.data import DatasetSpec, is_picture_below, network_input, read_picture, spec_from_record
from para_former.errors import InputError, first_few
from para_former.models import ParaFormer, load
from para_former.records import Record, expect_file, write_atomically
from para_former.training.device import pick_device
from para_former.training.run import run_line

SHOWN = 5


@dataclass(frozen=True)
class Options:
    """The five most likely classes of each image, with probabilities."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """folder of a finished run"""
    images: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE...")]
    """image files of any size, and folders of them: turned as EXIF says, scaled, cut to the centre"""
    csv: Path | None = None
    """file for the same as CSV: image, rank, class, probability"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""


def run(arguments: list[str], console: Console) -> list[Record]:
    options = parse(Options, arguments, "predict")
    if options.csv is not None:
        expect_file(options.csv)
    spec, device = spec_from_record(run_line(options.run)["spec"]), pick_device(options.device)
    model = load(options.run).float().to(device)
    paths = list(_files(options.images))
    if not paths:
        raise InputError("expected at least one image, found none")
    pictures, refused = [], []
    for path in paths:  # all of them first: bad ones are told before any result
        try:
            pictures.append(read_picture(path, spec))
        except InputError as error:
            refused.append(str(error))
    if refused:
        raise InputError(first_few(refused))
    results = [
        {"image": str(path), "predictions": _predict(model, picture, spec, device)}
        for path, picture in zip(paths, pictures, strict=True)
    ]
    for result in results:
        table = Table("class", "probability", box=None, title=result["image"], title_justify="left")
        for guess in result["predictions"]:
            table.add_row(guess["class"], f"{guess['probability']:.4f}")
        console.print(table)
    if options.csv:
        write_atomically(options.csv, _as_csv(results).encode(errors="surrogateescape"))
    return results


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are named, folders as the pictures in them."""
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if is_picture_below(path, file) and file.is_file())
        if not found:
            raise InputError(f"{path}: expected an image, or a folder with images in it, found none")
        yield from found


@torch.inference_mode()
def _predict(model: ParaFormer, picture: np.ndarray, spec: DatasetSpec, device: torch.device) -> list[Record]:
    images = torch.from_numpy(picture).permute(2, 0, 1)[None].to(device)
    probabilities, classes = model(network_input(images, spec)).softmax(-1)[0].topk(min(SHOWN, spec.num_classes))
    pairs = zip(classes.tolist(), probabilities.tolist(), strict=True)
    return [{"class": spec.classes[label], "probability": probability} for label, probability in pairs]


def _as_csv(results: list[Record]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["image", "rank", "class", "probability"])
    for result in results:
        for rank, guess in enumerate(result["predictions"], start=1):
            writer.writerow([result["image"], rank, guess["class"], guess["probability"]])
    return file.getvalue()

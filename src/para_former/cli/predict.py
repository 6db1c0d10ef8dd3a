"""`para-former predict RUN IMAGE...`: the five most likely classes of each image file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.table import Table

from para_former.cli.parsing import parse
from para_former.data import get_spec, normalize, read_picture
from para_former.models import load
from para_former.records import Record
from para_former.training.loop import pick_device, run_line

SHOWN = 5


@dataclass(frozen=True)
class Options:
    """The five most likely classes of each image, with probabilities."""

    run: Annotated[Path, tyro.conf.Positional]
    """folder of a finished run"""
    images: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """image files of any size: turned as EXIF says, scaled to the network's size, cut to its centre"""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one"""


def run(arguments: list[str], console: Console) -> list[Record]:
    options = parse(Options, arguments, "predict")
    spec, device = get_spec(run_line(options.run)["dataset"]), pick_device(options.device)
    model = load(options.run).to(device)
    pictures = [torch.from_numpy(read_picture(path, spec)) for path in options.images]
    results = []
    for path, picture in zip(options.images, pictures, strict=True):
        images = normalize(picture.permute(2, 0, 1)[None].to(device), spec.mean, spec.std)
        with torch.inference_mode():
            probabilities, classes = model(images).softmax(-1)[0].topk(min(SHOWN, spec.num_classes))
        best = [
            {"class": spec.classes[k], "probability": p}
            for k, p in zip(classes.tolist(), probabilities.tolist(), strict=True)
        ]
        results.append({"image": str(path), "predictions": best})
        table = Table("class", "probability", box=None, title=str(path), title_justify="left")
        for guess in best:
            table.add_row(guess["class"], f"{guess['probability']:.4f}")
        console.print(table)
    return results

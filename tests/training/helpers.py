"""Tiny runs on the digits, and what two equal runs have in common."""

import io
from pathlib import Path

from rich.console import Console

from para_former.data import Augment
from para_former.models.saving import WEIGHTS_FILE
from para_former.records import Record, read_records
from para_former.training.config import TrainConfig
from para_former.training.deadline import Deadline
from para_former.training.loop import train
from para_former.training.run import RECORD_FILE

TIMES = ("seconds", "images_per_second", "environment", "compile")  # what may differ between two equal runs


def tiny_run(**changes: object) -> TrainConfig:
    """Para-F-2-4 on the digits, three epochs of ten steps, with everything that draws random numbers switched on."""
    fields = {
        "dataset": "digits",
        "model": "para_former_2_4",
        "epochs": 3,
        "batch_size": 128,
        "lr": 4e-3,
        "warmup_epochs": 0.5,
        "augment": Augment(padding=1, flip=True, randaugment_rounds=1, mixup=0.2, erasing=0.25),
        "ema": 0.9,
        "clip_norm": 1.0,
        "width": 16,
        "heads": 2,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "drop_path": 0.1,
        "output": Path("run"),
        "device": "cpu",
    }
    return TrainConfig(**{**fields, **changes})


def train_quietly(config: TrainConfig, **limits: Deadline) -> Path:
    return train(config, Console(file=io.StringIO()), **limits)


def lines_of(folder: Path, kind: str | None = None) -> list[Record]:
    """The records of a run, all or of one kind."""
    return [line for line in read_records(folder / RECORD_FILE) if kind in (None, line["kind"])]


def outcome(folder: Path) -> tuple[bytes, list[Record]]:
    """Final weights and record lines without the times: equal for equal runs."""
    told = [line for line in lines_of(folder) if line["kind"] != "resumed"]
    lines = [{name: value for name, value in line.items() if name not in TIMES} for line in told]
    return (folder / WEIGHTS_FILE).read_bytes(), lines

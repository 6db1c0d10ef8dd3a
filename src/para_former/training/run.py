"""The folder of a run: its record, starting it, taking it up again.

folder/record.jsonl             what was run, one line per epoch, the test result: all that a report needs
folder/checkpoint.safetensors   state after the last whole epoch (and .previous); gone when the run is finished
folder/model.safetensors, config.json   the trained network, for `pf.load`
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from para_former.data import Dataset, load_dataset
from para_former.errors import InputError
from para_former.models import ModelConfig, ParaFormer
from para_former.records import Record, environment, expect_folder, read_records, write_records
from para_former.training.config import TrainConfig

RECORD_FILE = "record.jsonl"


def run_line(folder: Path) -> Record:
    """The first line of a run's record: what was run."""
    path = folder / RECORD_FILE
    if not path.exists():
        raise InputError(f"{folder}: no {RECORD_FILE} there; expected the folder of a run")
    line = next(iter(read_records(path)), {})
    if line.get("kind") != "run":
        raise InputError(f"{path}: expected the line of a run first, found {line.get('kind', 'nothing')}")
    return line


def is_finished(folder: Path) -> bool:
    """Whether the run has its test result."""
    path = folder / RECORD_FILE
    return path.exists() and any(line["kind"] == "test" for line in read_records(path))


def epochs_done(folder: Path) -> int:
    """Whole epochs in the record of a run; 0 where none has begun."""
    path = folder / RECORD_FILE
    return sum(line["kind"] == "epoch" for line in read_records(path)) if path.exists() else 0


def result_line(folder: Path) -> Record:
    """The test result of a finished run."""
    for line in read_records(folder / RECORD_FILE):
        if line["kind"] == "test":
            return line
    raise InputError(f"{folder / RECORD_FILE}: expected the test result of a finished run, found none")


def check_place(config: TrainConfig) -> None:
    """Refuse, before anything is loaded, to start where a run is or to resume where none like this one waits."""
    folder = config.folder()
    expect_folder(folder)
    if not config.resume:
        if (folder / RECORD_FILE).exists():
            raise InputError(f"{folder}: holds a run already; go on with it by --resume or choose another --output")
        return
    if difference := config.first_difference(run_line(folder)["config"]):
        raise InputError(f"{folder}: cannot resume with other settings: {difference}")
    if is_finished(folder):
        raise InputError(f"{folder}: the run is finished; there is nothing to resume")


def check_settings(config: TrainConfig) -> None:
    """Refuse to take a run in the folder, finished or not, for that of `config` where its settings are others."""
    folder = config.folder()
    if not (folder / RECORD_FILE).exists():
        return
    if difference := config.first_difference(run_line(folder)["config"]):
        raise InputError(f"{folder}: holds a run with other settings: {difference}; choose another --output")


def start_record(
    config: TrainConfig, dataset: Dataset, model: ParaFormer, device: torch.device, pretrained: Record | None
) -> None:
    """Write the line of a run, with the conditions under which its numbers come about."""
    network = model.config
    line = {
        "kind": "run",
        "model": config.model,
        "depth": network.depth,
        "layers": network.layers,
        "parameters": count_parameters(model),
        "dataset": dataset.spec.name,
        "spec": asdict(dataset.spec),
        "recipe": config.recipe,
        "seed": config.seed,
        "epochs": config.epochs,
        "config": config.conditions(),
        "pretrained": pretrained,
        "model_config": asdict(network),
        "split": {
            **{name: len(getattr(dataset, name)) for name in ("train", "validation", "test")},
            "hash": dataset.split_hash,
        },
        "skipped": list(dataset.skipped),
        "environment": {**environment(), "device": describe(device), "threads": torch.get_num_threads()},
    }
    write_records(config.folder() / RECORD_FILE, [line])


def cut_record(folder: Path, epochs: int) -> None:
    """Drop the lines of epochs after `epochs`: the record is written before the checkpoint, so it may be ahead."""
    path = folder / RECORD_FILE
    write_records(path, [line for line in read_records(path) if line["kind"] != "epoch" or line["epoch"] <= epochs])


def pick_device(name: str) -> torch.device:
    """The device called `name`, checked to be there; a GPU becomes the current one, which clocks and graphs act on."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails for a device that is not there, and for one that cannot compute
    except (RuntimeError, AssertionError, ImportError):
        raise InputError(f"device: expected auto, cpu or a GPU that is there, such as cuda, found {name!r}") from None
    if device.index is not None and device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def describe(device: torch.device) -> str:
    """The device's name as a reader knows it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def count_parameters(model: ParaFormer) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def parameters_of(config: ModelConfig) -> int:
    """The parameters that a network of this shape has; none is allocated."""
    with torch.device("meta"):
        return count_parameters(ParaFormer(config))


def load_data(config: TrainConfig) -> Dataset:
    """The data set of a run to come; refused where not one batch of its training images is full."""
    dataset = load_dataset(
        config.dataset,
        config.data_root,
        image_size=config.image_size,
        skip_corrupt=config.skip_corrupt,
        train_images=config.train_images,
    )
    if config.batch_size > len(dataset.train):
        images = f"{len(dataset.train):,} images to train on"
        raise InputError(f"batch_size: expected at most the {images}, found {config.batch_size:,}")
    return dataset


def dataset_of(line: Record, data_root: Path | None) -> Dataset:
    """The data set that the run with this first line was trained on, with the same splits and the same inputs."""
    settings = line["config"]
    dataset = load_dataset(
        settings["dataset"],
        data_root,
        image_size=settings["image_size"],
        skip_corrupt=settings["skip_corrupt"],
        train_images=settings.get("train_images"),  # records of before there was a choice lack it
    )
    return normalized(dataset, line["spec"]["mean"], line["spec"]["std"])


def normalized(dataset: Dataset, mean: Sequence[float], std: Sequence[float]) -> Dataset:
    """`dataset` with other numbers to normalise its images by; a run's record keeps them in its `spec`."""
    return replace(dataset, spec=replace(dataset.spec, mean=tuple(mean), std=tuple(std)))

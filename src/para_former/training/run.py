"""The folder of a run: its record, starting it, taking it up again.

folder/record.jsonl             what was run, one line per epoch, the test result: all that a report needs
folder/checkpoint.safetensors   state after the last whole epoch (and .previous); gone when the run is finished
folder/model.safetensors, config.json   the trained network, for `pf.load`
folder/evaluations.jsonl        what was looked at after training
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from para_former.data import Dataset, load_dataset
from para_former.errors import InputError
from para_former.models import ModelConfig, ParaFormer
from para_former.models.saving import CONFIG_FILE, WEIGHTS_FILE
from para_former.records import Record, environment, expect_folder, read_records, write_records
from para_former.reports.fields import read
from para_former.training.checkpoint import remove_checkpoints
from para_former.training.config import TrainConfig

RECORD_FILE, EVALUATIONS_FILE = "record.jsonl", "evaluations.jsonl"
LOCK_FILE = ".lock"


def run_line(folder: Path) -> Record:
    """The first line of a run's record: what was run."""
    path = folder / RECORD_FILE
    if not path.exists():
        raise InputError(f"{folder}: no {RECORD_FILE} there; expected the folder of a run")
    records = read_records(path)
    first = records[0].get("kind", "nothing") if records else "nothing"
    if first != "run":
        raise InputError(f"{path}: expected the line of a run first, found {first}")
    _, line = next(read({str(path): records}, "run"))
    return line


def _lines(folder: Path, *kinds: str) -> list[Record]:
    """The lines of these kinds in a run's record, each whole; none where no run has begun."""
    path = folder / RECORD_FILE
    return [line for _, line in read({str(path): read_records(path)}, *kinds)] if path.exists() else []


def is_finished(folder: Path) -> bool:
    """Whether the run has its test result."""
    return bool(_lines(folder, "test"))


def epochs_recorded(folder: Path) -> int:
    """Whole epochs in the record of a run; 0 where none has begun."""
    return len(_lines(folder, "epoch"))


def result_line(folder: Path) -> Record:
    """The test result of a finished run."""
    if lines := _lines(folder, "test"):
        return lines[0]
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


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Inside, no other process trains in the folder; InputError where one does."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: expected nobody else to train there, found another process at it") from None
    try:
        yield
    finally:
        (folder / LOCK_FILE).unlink(missing_ok=True)
        lock.release()


def start_record(
    config: TrainConfig, dataset: Dataset, model: ParaFormer, device: torch.device, pretrained: Record | None
) -> None:
    """Write the line of a run, with the conditions under which its numbers come about, and nothing of a run before.

    Such a one has lost its record; its network must not pass for this run's.
    """
    folder, network = config.folder(), model.config
    remove_checkpoints(folder)
    for name in (WEIGHTS_FILE, CONFIG_FILE, EVALUATIONS_FILE):
        (folder / name).unlink(missing_ok=True)
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
        "split": _split(dataset),
        "skipped": list(dataset.skipped),
        **_conditions(config, device),
    }
    write_records(folder / RECORD_FILE, [line])


def resume_record(config: TrainConfig, device: torch.device, epochs: int) -> None:
    """Note that the run goes on after so many epochs, and under which conditions.

    Lines of later epochs go: the record is written before the checkpoint, so it may be ahead.
    """
    path = config.folder() / RECORD_FILE
    last = {"epoch": epochs, "resumed": epochs - 1}
    lines = [line for line in read_records(path) if line.get("kind") not in last or line["epoch"] <= last[line["kind"]]]
    write_records(path, [*lines, {"kind": "resumed", "epoch": epochs, **_conditions(config, device)}])


def _conditions(config: TrainConfig, device: torch.device) -> Record:
    place = {**environment(), "device": describe(device), "threads": torch.get_num_threads()}
    return {"environment": place, "compile": config.compile}


def _split(dataset: Dataset) -> Record:
    sizes = {name: len(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return {**sizes, "hash": dataset.split_hash}


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


def expect_sound_compiler(config: TrainConfig, device: torch.device) -> None:
    """Refuse what PyTorch's compiler gets wrong on a GPU: gradients (`docs/training.md`)."""
    if config.compile and device.type == "cuda":
        why = "compiled gradients are wrong on a GPU (docs/training.md), and a run may go on without --compile"
        raise InputError(f"compile: expected a CPU, since {why}; found {device}")


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
    """The data set that the run with this first line was trained on, with the same splits and the same inputs.

    InputError where other classes or numbers of images are found, another division into splits, or a folder's files
    under other names.
    """
    settings = line["config"]
    dataset = load_dataset(
        settings["dataset"],
        data_root,
        image_size=settings["image_size"],
        skip_corrupt=settings["skip_corrupt"],
        train_images=settings.get("train_images"),  # records of before there was a choice lack it
    )
    wanted = {"classes": list(line["spec"]["classes"]), **line["split"]}
    found = {"classes": list(dataset.spec.classes), **_split(dataset)}
    if other := next((name for name in found if found[name] != wanted.get(name, found[name])), None):
        said = f"{other} {_short(wanted[other])} in its record, {_short(found[other])} here"
        raise InputError(f"{dataset.spec.title}: expected the images that the run was trained on, found others: {said}")
    return normalized(dataset, line["spec"]["mean"], line["spec"]["std"])


def _short(value: object) -> str:
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}..."


def normalized(dataset: Dataset, mean: Sequence[float], std: Sequence[float]) -> Dataset:
    """`dataset` with other numbers to normalise its images by; a run's record keeps them in its `spec`."""
    return replace(dataset, spec=replace(dataset.spec, mean=tuple(mean), std=tuple(std)))

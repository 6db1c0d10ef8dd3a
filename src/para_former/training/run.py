"""The folder of a run: its record, starting it, taking it up again.

folder/record.jsonl             what was run, one line per epoch, the test result: all that a report needs
folder/checkpoint.safetensors   state after the last whole epoch (and .previous); gone when the run is finished
folder/model.safetensors, config.json   the trained network, for `pf.load`
folder/evaluations.jsonl        what was looked at after training
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from para_former.data import Dataset
from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.outline import count_parameters
from para_former.models.saving import CONFIG_FILE, WEIGHTS_FILE
from para_former.records import Record, environment, expect_folder, read_records, write_records
from para_former.reports.fields import read
from para_former.training.checkpoint import remove_checkpoints
from para_former.training.config import TrainConfig
from para_former.training.datasets import split_line
from para_former.training.device import describe
from para_former.training.recipes import changed_settings

RECORD_FILE, EVALUATIONS_FILE = "record.jsonl", "evaluations.jsonl"
LOCK_FILE = ".lock"


def run_line(folder: Path) -> Record:
    """The first line of a run's record: what was run."""
    path = folder / RECORD_FILE
    if not path.exists():
        found = f"no {RECORD_FILE} in it" if folder.is_dir() else "no such folder"
        raise InputError(f"{folder}: expected the folder of a run, found {found}")
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


def parts_of_a_step(folder: Path) -> int:
    """Into how many parts a run divided its batches in the end; 1 where its record is from before that was told."""
    return _lines(folder, "run", "resumed")[-1].get("accumulate", 1)


def check_place(config: TrainConfig) -> None:
    """Refuse, before anything is loaded, to start where a run is or to resume where none like this one waits."""
    folder = config.folder()
    expect_folder(folder)
    if is_finished(folder):
        way = f"choose another --output (a new run may begin at its weights: --pretrained {folder})"
        raise InputError(f"{folder}: holds a finished run; {way}")
    if not config.resume:
        if (folder / RECORD_FILE).exists():
            raise InputError(f"{folder}: holds a run already; go on with it by --resume or choose another --output")
        _expect_no_network(folder)
        return
    if difference := config.first_difference(run_line(folder)["config"]):
        raise InputError(f"{folder}: cannot resume with other settings: {difference}")


def check_settings(config: TrainConfig) -> None:
    """Refuse to take a run in the folder, finished or not, for that of `config` where its settings are others."""
    folder = config.folder()
    if not (folder / RECORD_FILE).exists():
        _expect_no_network(folder)
        return
    if difference := config.first_difference(run_line(folder)["config"]):
        raise InputError(f"{folder}: holds a run with other settings: {difference}; choose another --output")


def _expect_no_network(folder: Path) -> None:
    """One without a record is not ours to replace: `pf.save` and others leave such files."""
    if found := " and ".join(name for name in (WEIGHTS_FILE, CONFIG_FILE) if (folder / name).exists()):
        found = f"{found} without {RECORD_FILE}; move that away or choose another --output"
        raise InputError(f"{folder}: expected no network where a run begins, found {found}")


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
    """Write the line of a run, with the conditions under which its numbers come about.

    Files of an earlier run that lost its record are deleted first, so that nothing of it is taken for this one's.
    """
    folder, network = config.folder(), model.config
    remove_checkpoints(folder)
    (folder / EVALUATIONS_FILE).unlink(missing_ok=True)
    line = {
        "kind": "run",
        "model": config.model,
        "depth": network.depth,
        "layers": network.layers,
        "parameters": count_parameters(model),
        "dataset": dataset.spec.name,
        "spec": asdict(dataset.spec),
        "recipe": config.recipe,
        "changed": changed_settings(config),
        "seed": config.seed,
        "epochs": config.epochs,
        "config": config.conditions(),
        "pretrained": pretrained,
        "model_config": asdict(network),
        "split": split_line(dataset),
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
    return {"environment": place, "compile": config.compile, "accumulate": config.accumulate}

"""Train one network: epochs of steps, validation after each, the test split once at the end.

    folder/record.jsonl             what was run, one line per epoch, the test result: all that a report needs
    folder/checkpoint.safetensors   state after the last whole epoch; gone when the run is finished
    folder/model.safetensors, config.json   the trained network, for `pf.load`

Nothing here knows how a batch is made (`data/`), what a recipe contains (`recipes.py`) or how a table is filled
(`reproduce.py`).
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor

from para_former.data import Augment, Dataset, DeviceSplit, evaluation_batches, load_dataset, training_batches
from para_former.errors import InputError
from para_former.evaluation import classify, sample_images
from para_former.models import ParaFormer, save
from para_former.records import Record, append_record, environment, read_records, write_records
from para_former.training.checkpoint import CHECKPOINT_FILE, load_checkpoint, save_checkpoint
from para_former.training.config import TrainConfig
from para_former.training.optim import build_optimizer, learning_rate
from para_former.training.progress import EpochProgress

RECORD_FILE = "record.jsonl"
EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Run:
    """What stays the same from the first epoch to the last."""

    config: TrainConfig
    dataset: Dataset
    device: torch.device
    model: ParaFormer
    optimizer: torch.optim.Optimizer
    folder: Path

    @property
    def record(self) -> Path:
        return self.folder / RECORD_FILE

    def logits(self, images: Tensor) -> Tensor:
        """The network at the run's precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            return self.model(images)


def train(config: TrainConfig, console: Console) -> Path:
    """Run `config` to its end, from its last whole epoch with `config.resume`; the run's folder."""
    dataset = load_dataset(config.dataset, config.data_root)
    device = pick_device(config.device)
    torch.manual_seed(config.seed)
    model = ParaFormer(config.network(dataset.spec)).to(device)
    run = Run(config, dataset, device, model, build_optimizer(model, config), config.folder())
    epochs_done = _resume(run) if config.resume else _start(run)
    console.print(f"{config.model} on {dataset.spec.title}, {_parameters(model):,} parameters, in {run.folder}")
    train_split, validation_split = (DeviceSplit.from_split(s, device) for s in (dataset.train, dataset.validation))
    with EpochProgress(console, config.epochs, epochs_done) as progress:
        for epoch in range(epochs_done + 1, config.epochs + 1):
            figures = _train_epoch(run, train_split, epoch, progress)
            validation = evaluate_split(run, validation_split)
            line = {
                "kind": "epoch",
                "epoch": epoch,
                **figures,
                "validation_loss": validation["loss"],
                "validation_top1": validation["top1"],
            }
            if not math.isfinite(line["train_loss"] + line["validation_loss"]):
                raise FloatingPointError(f"{run.folder}: loss not finite in epoch {epoch}; epoch {epoch - 1} is kept")
            save_checkpoint(run.folder, model, run.optimizer, epoch)
            append_record(run.record, line)
            progress.epoch_done(line)
    _finish(run, console)
    return run.folder


def pick_device(name: str) -> torch.device:
    """The device called `name`, checked to be there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(f"device: expected auto, cpu or a GPU that is there, such as cuda, found {name!r}") from None
    return device


def run_line(folder: Path) -> Record:
    """The first line of a run's record: what was run."""
    path = folder / RECORD_FILE
    if not path.exists():
        raise InputError(f"{folder}: no {RECORD_FILE} there; expected the folder of a run")
    line = next(iter(read_records(path)), {})
    if line.get("kind") != "run":
        raise InputError(f"{path}: expected the line of a run first, found {line.get('kind', 'nothing')}")
    return line


def evaluate_split(run: Run, split: DeviceSplit) -> Record:
    """Figures of the network on a split, in evaluation mode."""
    run.model.eval()
    batches = evaluation_batches(split, run.dataset.spec, batch_size=EVALUATION_BATCH)
    return classify(run.logits, batches, len(run.dataset.spec.classes))


def _train_epoch(run: Run, split: DeviceSplit, epoch: int, progress: EpochProgress) -> Record:
    config = run.config
    steps = max(1, len(split) // config.batch_size)
    warmup, total = round(config.warmup_epochs * steps), config.epochs * steps
    torch.manual_seed(int(np.random.SeedSequence((config.seed, epoch)).generate_state(1)[0]))  # dropout
    run.model.train()
    loss_sum, lr, start = torch.zeros((), device=run.device), 0.0, time.perf_counter()
    batches = training_batches(
        split,
        run.dataset.spec,
        batch_size=config.batch_size,
        seed=config.seed,
        epoch=epoch,
        augment=Augment(padding=config.padding, flip=config.flip),
    )
    images_seen = 0
    for step, (images, labels) in enumerate(batches, start=(epoch - 1) * steps):
        lr = learning_rate(step, peak=config.lr, warmup=warmup, total=total)
        for group in run.optimizer.param_groups:
            group["lr"] = lr
        loss = F.cross_entropy(run.logits(images).float(), labels, label_smoothing=config.label_smoothing)
        loss.backward()
        run.optimizer.step()
        run.optimizer.zero_grad()
        loss_sum += loss.detach()
        images_seen += len(labels)
        progress.step(epoch, (step + 1) / steps - (epoch - 1), images_seen / (time.perf_counter() - start))
    train_loss = loss_sum.item() / steps  # waits for the device, so that the time below is whole
    seconds = time.perf_counter() - start
    return {
        "train_loss": train_loss,
        "lr": lr,
        "seconds": seconds,
        "images_per_second": images_seen / seconds,
    }


def _start(run: Run) -> int:
    if run.record.exists():
        raise InputError(f"{run.folder}: holds a run already; go on with it by --resume or choose another --output")
    spec, dataset = run.dataset.spec, run.dataset
    network = run.model.config
    line = {
        "kind": "run",
        "model": run.config.model,
        "depth": network.depth,
        "layers": network.layers,
        "parameters": _parameters(run.model),
        "dataset": spec.name,
        "recipe": run.config.recipe,
        "seed": run.config.seed,
        "epochs": run.config.epochs,
        "config": run.config.conditions(),
        "model_config": asdict(network),
        "split": {
            **{name: len(getattr(dataset, name)) for name in ("train", "validation", "test")},
            "hash": dataset.split_hash,
        },
        "environment": {**environment(), "device": describe(run.device), "threads": torch.get_num_threads()},
    }
    write_records(run.record, [line])
    return 0


def _resume(run: Run) -> int:
    """Epochs done; the record is cut back to the checkpoint, which is written first."""
    line, lines = run_line(run.folder), read_records(run.record)
    if difference := run.config.first_difference(line["config"]):
        raise InputError(f"{run.folder}: cannot resume with other settings: {difference}")
    if lines[-1]["kind"] == "test":
        raise InputError(f"{run.folder}: the run is finished; there is nothing to resume")
    epochs_done = 0
    if (run.folder / CHECKPOINT_FILE).exists():
        epochs_done = load_checkpoint(run.folder, run.model, run.optimizer)
    kept = [line for line in lines if line["kind"] != "epoch" or line["epoch"] <= epochs_done]
    write_records(run.record, kept)
    return epochs_done


def _finish(run: Run, console: Console) -> None:
    """Save the network, evaluate the test split, once, and only then drop the checkpoint."""
    save(run.model, run.folder)
    spec, test = run.dataset.spec, run.dataset.test
    figures = evaluate_split(run, DeviceSplit.from_split(test, run.device))
    samples = sample_images(test, spec.classes, figures["per_class_top1"])
    line = {"kind": "test", "epoch": run.config.epochs, **figures, "classes": list(spec.classes), "samples": samples}
    append_record(run.record, line)
    (run.folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    console.print(f"test accuracy {figures['top1']:.2f} % (top-5 {figures['top5']:.2f} %) after the last epoch")


def _parameters(model: ParaFormer) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def describe(device: torch.device) -> str:
    """The device's name as a reader knows it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

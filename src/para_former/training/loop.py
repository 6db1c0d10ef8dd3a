"""Train one network: epochs of steps, validation after each, the test split once at the end.

Nothing here knows how a batch is made (`data/`), what a step does (`step.py`), what a recipe contains (`recipes.py`) or
how a table is filled (`reproduce.py`).
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from para_former.data import Dataset, DeviceSplit, evaluation_batches, get_spec, training_batches
from para_former.errors import InputError
from para_former.evaluation import classify, sample_images
from para_former.models import ParaFormer, save
from para_former.models.outline import count_parameters
from para_former.records import Record, append_record, remove_leftovers
from para_former.training.checkpoint import load_checkpoint, remove_checkpoints, save_checkpoint
from para_former.training.config import TrainConfig
from para_former.training.datasets import dataset_of, load_data
from para_former.training.deadline import NEVER, Deadline
from para_former.training.device import expect_sound_compiler, pick_device
from para_former.training.optim import learning_rate
from para_former.training.progress import EpochProgress
from para_former.training.recipes import expect_weights
from para_former.training.run import (
    RECORD_FILE,
    alone_in,
    check_place,
    epochs_recorded,
    resume_record,
    run_line,
    start_record,
)
from para_former.training.scalars import check_scalars, scalar_writer
from para_former.training.start import Start, start_from_pretrained
from para_former.training.step import Learner

EVALUATION_BATCH = 500
"""images at once, at most"""


def train(config: TrainConfig, console: Console, deadline: Deadline = NEVER) -> Path:
    """Run `config` to its end, from its last whole epoch with `config.resume`; the run's folder.

    Where the `deadline` is near after an epoch the run is left there, as Ctrl-C would leave it. The test split follows
    the last epoch whatever the time.
    """
    check_place(config)
    expect_weights(config)
    check_scalars(config.tensorboard)
    folder, device = config.folder(), pick_device(config.device)
    expect_sound_compiler(config, device)
    before = epochs_recorded(folder)
    learner, dataset, start, epochs_done = _begin(config, device, console)
    with alone_in(folder):
        check_place(config)  # again: another process may have been here since
        if epochs_recorded(folder) != before:
            raise InputError(f"{folder}: another process trained there meanwhile; the same command goes on after it")
        remove_leftovers(folder)
        if config.resume:
            if lost := epochs_recorded(folder) - epochs_done:
                console.print(f"no whole checkpoint of the last {lost} epochs: goes on after epoch {epochs_done}")
            resume_record(config, device, epochs_done)
        else:
            start_record(config, dataset, learner.model, device, start.record if start else None)
        parameters = count_parameters(learner.model)
        console.print(f"{config.model} on {dataset.spec.title}, {parameters:,} parameters, in {folder}")
        if start:
            console.print(f"starts from {start}")
        if dataset.skipped:
            console.print(f"left out, not decodable: {len(dataset.skipped)}, {', '.join(dataset.skipped[:5])}")
        _train(learner, dataset, epochs_done, console, deadline)
    return folder


def _train(learner: Learner, dataset: Dataset, epochs_done: int, console: Console, deadline: Deadline) -> None:
    """The epochs that are left, each with its line and its checkpoint; then the test."""
    config, folder, device = learner.config, learner.config.folder(), learner.device
    train_split, validation = (DeviceSplit.from_split(split, device) for split in (dataset.train, dataset.validation))
    with (
        EpochProgress(console, config.epochs, epochs_done) as progress,
        scalar_writer(folder, config.tensorboard, epochs_done) as write_scalars,
    ):
        for epoch in deadline.until(range(epochs_done + 1, config.epochs + 1)):
            line = {"kind": "epoch", "epoch": epoch, **_train_epoch(learner, dataset, train_split, epoch, progress)}
            figures = evaluate(learner, dataset, validation)
            line |= {"validation_loss": figures["loss"], "validation_top1": figures["top1"]}
            if not math.isfinite(line["train_loss"] + line["validation_loss"]):
                kept = f"epoch {epoch - 1} is kept there" if epoch > 1 else "no epoch before it"
                raise FloatingPointError(f"{folder}: loss not finite in epoch {epoch}; {kept}")
            append_record(folder / RECORD_FILE, line)
            save_checkpoint(folder, learner.state(), epoch)
            write_scalars(line)
            progress.epoch_done(line)
            epochs_done = epoch
    if epochs_done == config.epochs:
        _finish(learner, dataset, folder, console)


def _begin(config: TrainConfig, device: torch.device, console: Console) -> tuple[Learner, Dataset, Start | None, int]:
    """What learns, from what, and the whole epochs done: by the newest whole checkpoint, pretrained weights or chance.

    The run's folder is only read, and weights are read before images are decoded: those are the likelier mistake.
    """
    torch.manual_seed(config.seed)
    model = ParaFormer(config.network(get_spec(config.dataset, config.image_size)))
    checkpoint = load_checkpoint(config.folder(), warn=console.print) if config.resume else None
    start = start_from_pretrained(model, config) if config.pretrained and not checkpoint else None
    dataset = _dataset(config, start)
    learner = Learner(model.to(device), config, device)
    if checkpoint is None:
        return learner, dataset, start, 0
    state, epochs_done = checkpoint
    learner.load_state(state, config.folder())
    return learner, dataset, start, epochs_done


def _dataset(config: TrainConfig, start: Start | None) -> Dataset:
    """As the record of a resumed run says; else as the weights expect that it starts from, where there are any."""
    if config.resume:
        return dataset_of(run_line(config.folder()), config.data_root)
    dataset = load_data(config)
    return start.inputs(dataset) if start else dataset


def evaluate(learner: Learner, dataset: Dataset, split: DeviceSplit) -> Record:
    """Figures of the network on a split, in evaluation mode."""
    learner.network.eval()
    batch_size = images_at_once(learner.config.batch_size, learner.config.accumulate)
    batches = evaluation_batches(split, dataset.spec, batch_size=batch_size)
    return classify(learner.logits, batches, dataset.spec.num_classes)


def images_at_once(batch_size: int, parts: int) -> int:
    """Images evaluated at once: no more than a step holds, so what trains in a memory is evaluated in it."""
    return min(EVALUATION_BATCH, -(-batch_size // parts))


def _train_epoch(learner: Learner, dataset: Dataset, split: DeviceSplit, epoch: int, progress: EpochProgress) -> Record:
    config = learner.config
    steps = max(1, len(split) // config.batch_size)
    total = config.epochs * steps
    warmup = round(min(config.warmup_epochs * steps, total // 2))
    torch.manual_seed(int(np.random.SeedSequence((config.seed, epoch)).generate_state(1)[0]))  # dropout
    learner.model.train()
    loss_sum, images_seen, lr = torch.zeros((), device=learner.device), 0, 0.0
    start = time.perf_counter()
    batches = training_batches(
        split, dataset.spec, batch_size=config.batch_size, seed=config.seed, epoch=epoch, augment=config.augment
    )
    for number, (images, labels) in enumerate(batches):
        step = (epoch - 1) * steps + number
        lr = learning_rate(step, peak=config.lr, warmup=warmup, total=total, schedule=config.schedule)
        loss_sum += learner.step(images, labels, lr)
        images_seen += len(labels)
        progress.step(epoch, (number + 1) / steps, images_seen / (time.perf_counter() - start))
    train_loss = loss_sum.item() / steps  # waits for the device, so that the time below is whole
    seconds = time.perf_counter() - start
    return {"train_loss": train_loss, "lr": lr, "seconds": seconds, "images_per_second": images_seen / seconds}


def _finish(learner: Learner, dataset: Dataset, folder: Path, console: Console) -> None:
    """Save the network, evaluate the test split, once, and only then drop the checkpoints."""
    save(learner.network, folder)
    classes = dataset.spec.classes
    figures = evaluate(learner, dataset, DeviceSplit.from_split(dataset.test, learner.device))
    samples = sample_images(dataset.test, classes, figures["per_class_top1"])
    line = {"kind": "test", "epoch": learner.config.epochs, **figures, "classes": list(classes), "samples": samples}
    append_record(folder / RECORD_FILE, line)
    remove_checkpoints(folder)
    console.print(f"test accuracy {figures['top1']:.2f} % (top-5 {figures['top5']:.2f} %) after the last epoch")

"""What a run starts from, where that is not chance: pretrained weights, and the inputs that they were trained to see.

A resumed run has its weights in its checkpoint and its inputs in its record. Only where it was stopped before its first
checkpoint are the pretrained weights read again, and they must be those that it started from.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from para_former.data import Dataset
from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.models.pretrained import Normalization, read_pretrained
from para_former.records import Record
from para_former.training.checkpoint import checksum
from para_former.training.config import TrainConfig
from para_former.training.datasets import normalized
from para_former.training.run import RECORD_FILE, run_line


@dataclass(frozen=True)
class Start:
    """What is kept of the pretrained weights once they are in the network."""

    record: Record
    """name; sha256 of the weights as the network took them; the data set they were trained on, where a run says so"""
    normalization: Normalization | None
    """mean and std of the inputs; None for the data set's own"""

    def __str__(self) -> str:
        origin = f", trained on {self.record['dataset']}" if "dataset" in self.record else ""
        mean, std = self.normalization or ("the data set's", "own")
        return f"{self.record['name']}{origin}; inputs normalised by mean {mean}, std {std}"

    def inputs(self, dataset: Dataset) -> Dataset:
        """`dataset`, normalised as the weights expect; grey images by the means over the colours."""
        if self.normalization is None:
            return dataset
        channels = dataset.spec.channels
        mean, std = (each if len(each) == channels else (fmean(each),) * channels for each in self.normalization)
        return normalized(dataset, mean, std)


def start_from_pretrained(model: ParaFormer, config: TrainConfig) -> Start:
    """Put `config.pretrained` into `model`; a head of another number of classes stays as it was initialised."""
    found = read_pretrained(config.pretrained, model.config)
    record, normalization = {"name": config.pretrained_name(), "sha256": checksum(found.weights)}, found.normalization
    if (Path(config.pretrained) / RECORD_FILE).is_file():
        line = run_line(Path(config.pretrained))
        record["dataset"], normalization = line["dataset"], (tuple(line["spec"]["mean"]), tuple(line["spec"]["std"]))
    if config.resume and record != run_line(config.folder())["pretrained"]:
        raise InputError(f"{config.pretrained}: expected the weights that {config.folder()} started from, found others")
    model.load_state_dict({**model.state_dict(), **found.weights})
    return Start(record, normalization)

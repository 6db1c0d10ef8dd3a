"""TensorBoard scalars of a run, for those who watch runs there. The record stays the source of every table."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from para_former.errors import InputError
from para_former.records import Record


def check_scalars(wanted: bool) -> None:
    """Refuse, before a run starts, what cannot be written."""
    if wanted and importlib.util.find_spec("tensorboard") is None:
        raise InputError("tensorboard: not installed; expected after pip install 'para-former[tensorboard]'")


@contextmanager
def scalar_writer(folder: Path, wanted: bool, epochs_done: int) -> Iterator[Callable[[Record], None]]:
    """A function that writes the numbers of an epoch's line; it does nothing when not `wanted`."""
    if not wanted:
        yield lambda line: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder / "tensorboard", purge_step=epochs_done + 1) as writer:

        def write(line: Record) -> None:
            for name, value in line.items():
                if isinstance(value, float):
                    writer.add_scalar(name, value, line["epoch"])
            writer.flush()

        yield write

"""What a person sees of a run: a moving line with images/s and time left, and one line that stays per epoch.

Where nothing can move (a file, a pipe) only the lines that stay are written.
"""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from para_former.records import Record


class EpochProgress(Progress):
    """The epochs of one run, as a context manager."""

    def __init__(self, console: Console, epochs: int, epochs_done: int) -> None:
        super().__init__(
            TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
            BarColumn(),
            TextColumn("{task.fields[speed]:,.0f} images/s, left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.epochs = epochs
        self.run = self.add_task("", total=epochs, completed=epochs_done, epoch=epochs_done + 1, speed=0)

    def step(self, epoch: int, share: float, images_per_second: float) -> None:
        """`share` of the epoch is done."""
        self.update(self.run, completed=epoch - 1 + share, epoch=epoch, speed=images_per_second)

    def epoch_done(self, line: Record) -> None:
        self.console.print(
            f"epoch {line['epoch']:>{len(str(self.epochs))}}/{self.epochs}"
            f"  loss {line['train_loss']:.3f}  validation {line['validation_top1']:.2f} %"
            f"  {line['images_per_second']:,.0f} images/s",
        )

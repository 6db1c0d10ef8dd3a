"""A training step on a GPU as one CUDA graph: recorded once, replayed with a single launch.

A step is some hundred kernels, and a network of depth 1 is done with them sooner than Python has launched them. The
first batches are trained on as they come, since libraries choose and compilers compile on the first calls; then one
step is recorded, which changes nothing. A replay draws the random numbers that the step itself would have drawn.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from para_former.execution.graphs import WARMUP, capture, run_on


class GraphedStep:
    """Calls `step(images, labels)`, which gives its loss, through a graph; all batches have the shape of the first."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], device: torch.device) -> None:
        self._step, self._warmup, self._stream = step, WARMUP, torch.cuda.Stream(device)
        self._replay: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        if self._warmup:
            self._warmup -= 1
            return run_on(self._stream, self._step, images, labels)
        if self._replay is None:
            self._replay = capture(self._step, [images.clone(), labels.clone()], self._stream)
        return self._replay(images, labels)

"""A training step on a GPU as one CUDA graph: recorded once, replayed with a single launch.

A step is some hundred kernels, and a network of depth 1 is done with them sooner than Python has launched them. The
first batches are trained on as they come, since libraries choose and compilers compile on the first calls; then one
step is recorded, which changes nothing. A replay draws the random numbers that the step itself would have drawn.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WARMUP = 3  # steps before the recorded one


class GraphedStep:
    """Calls `step(images, labels)`, which gives its loss, through a graph; all batches have the shape of the first."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], device: torch.device) -> None:
        self._step, self._warmup = step, WARMUP
        self._graph, self._stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(device)
        self._loss: Tensor | None = None

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        if self._warmup:
            self._warmup -= 1
            return self._aside(images, labels)
        if self._loss is None:
            self._record(images, labels)
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss.clone()

    def _aside(self, images: Tensor, labels: Tensor) -> Tensor:
        """On the stream that will be recorded: what a step leaves for the next one must not wait for another stream."""
        current = torch.cuda.current_stream(images.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = self._step(images, labels)
        current.wait_stream(self._stream)
        return loss

    def _record(self, images: Tensor, labels: Tensor) -> None:
        self._images, self._labels = images.clone(), labels.clone()
        with torch.cuda.graph(self._graph, stream=self._stream):
            self._loss = self._step(self._images, self._labels)

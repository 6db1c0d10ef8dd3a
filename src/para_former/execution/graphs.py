"""One CUDA graph per input shape: the whole forward pass is recorded once and replayed with a single launch.

Recording is lazy (the first call of a shape), and bounded: beyond `LIMIT` shapes the one not used for longest goes,
with its memory. Where recording is impossible the call goes on without a graph, and `fallback` says why. A graph has
one place for its images and one for its logits, so calls from several Python threads wait for one another.

What is recorded can be compiled before (`record_compiled`); without a GPU it is compiled, and that is all.
"""

import gc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from types import FunctionType

import torch
from torch import Tensor

from para_former.errors import first_line

LIMIT = 8  # shapes; each holds its own activations
RECORDING = RLock()
"""held while recording or compiling: both first wait for the device, which is an error while another thread records"""
WARMUP = 3  # calls before recording: libraries choose and allocate on the first ones
ROUNDING = {torch.float64: 1e-6, torch.float32: 1e-2, torch.bfloat16: 0.1, torch.float16: 0.1}
"""of the norm of the logits: two orders of sums differ by less (float32 with a GPU's TF32), a wrong kernel by more"""

Replay = Callable[[Tensor], Tensor]
Compute = Callable[[Tensor, int], Tensor]


class GraphCache:
    """Calls `compute(images, count)` through recorded graphs; `record` makes one.

    `rewritten(images)` is another way to compute the same for such images, or None: recorded in place of `compute`
    where it gives the same up to the rounding of `dtype`, the number format of the products.
    """

    def __init__(
        self,
        compute: Compute,
        record: Callable[[Callable[[Tensor], Tensor], Tensor], Replay],
        dtype: torch.dtype,
        limit: int = LIMIT,
        rewritten: Callable[[Tensor], Compute | None] | None = None,
    ) -> None:
        self.compute, self.record, self.dtype, self.limit, self.rewritten = compute, record, dtype, limit, rewritten
        self.fallback: str | None = None
        self._replays: OrderedDict[tuple, Replay] = OrderedDict()
        self._lock = Lock()

    def __call__(self, images: Tensor, count: int) -> Tensor:
        with self._lock:
            return self._replay(images, count)

    def _replay(self, images: Tensor, count: int) -> Tensor:
        key = (images.shape, images.dtype, images.device, count)
        if key not in self._replays:
            self._replays[key] = self._fastest(images, count)
            if len(self._replays) > self.limit:
                self._replays.popitem(last=False)
        self._replays.move_to_end(key)
        return self._replays[key](images)

    def _fastest(self, images: Tensor, count: int) -> Replay:
        """The rewritten form recorded, else the plain one, else that as a plain graph, else as it is."""

        compute = self.compute  # not by way of `self`, which holds the graphs: they go when it does, not when collected

        def plain(still: Tensor) -> Tensor:
            return compute(still, count)

        if self.rewritten and (rewritten := self.rewritten(images)):
            try:
                replay = self.record(lambda still: rewritten(still, count), images)
                expect_same(replay, plain, images, self.dtype)
                return replay
            except RuntimeError as error:
                self.fallback = self.fallback or first_line(error)
        for record in dict.fromkeys((self.record, record_cuda_graph)):
            try:
                return record(plain, images)
            except RuntimeError as error:
                self.fallback = self.fallback or first_line(error)
        return plain

    def __len__(self) -> int:
        return len(self._replays)


@torch.no_grad()
def record_cuda_graph(function: Callable[[Tensor], Tensor], images: Tensor) -> Replay:
    """`function` on inputs like `images` as a graph. RuntimeError where there is no CUDA device or it cannot record."""
    if not images.is_cuda:
        raise RuntimeError(f"a CUDA graph needs images on a CUDA device, found {images.device}")
    with torch.inference_mode(False):  # else no call outside inference mode could put its images there
        still = images.clone()
    stream = torch.cuda.Stream(images.device)
    for _ in range(WARMUP):
        run_on(stream, function, still)
    return capture(function, [still], stream)


@torch.inference_mode(False)
@torch.no_grad()
def record_compiled(function: Callable[[Tensor], Tensor], images: Tensor, dtype: torch.dtype) -> Replay:
    """`function` through torch.compile for inputs like `images` alone, and on a GPU as a graph of what that made.

    Each call compiles a copy of the code object: PyTorch keeps eight variants of one and runs further ones uncompiled.
    RuntimeError where it cannot be compiled, or computes something else then (a case: decision 8 in `docs/decisions`).
    """
    own = FunctionType(function.__code__.replace(), function.__globals__, closure=function.__closure__)
    if images.is_cuda:
        with RECORDING:
            replay = record_cuda_graph(torch.compile(own, dynamic=False, mode="max-autotune-no-cudagraphs"), images)
    else:
        replay = _in_one_place(torch.compile(own, dynamic=False), images.clone())
    expect_same(replay, function, images, dtype)
    return replay


@torch.no_grad()
def expect_same(replay: Replay, function: Callable[[Tensor], Tensor], images: Tensor, dtype: torch.dtype) -> None:
    """RuntimeError unless both give the same for random images like `images`, up to what rounding to `dtype` makes."""
    random = torch.Generator(images.device).manual_seed(0)  # not theirs, which may be black, or not finite
    with torch.inference_mode(False):
        probes = [torch.empty_like(images).normal_(generator=random) for _ in range(WARMUP)]
        expected, found = (torch.stack([each(probe) for probe in probes]) for each in (function, replay))
    size, difference = expected.norm(), (found - expected).norm()
    if not difference <= ROUNDING[dtype] * size:
        raise RuntimeError(f"by other kernels logits of norm {size:.3g} are off by {difference:.3g}")


def _in_one_place(compiled: Callable[[Tensor], Tensor], still: Tensor) -> Replay:
    """Always called alike, as a graph is: for other strides or another mode PyTorch would compile again."""

    @torch.inference_mode(False)
    @torch.no_grad()
    def replay(images: Tensor) -> Tensor:
        return compiled(still.copy_(images))

    return replay


def run_on(stream: torch.cuda.Stream, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """`function(*inputs)` on another stream than the current one, after what is there and before what comes."""
    current = torch.cuda.current_stream(inputs[0].device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        result = function(*inputs)
    current.wait_stream(stream)
    return result


@contextmanager
def collector_off() -> Iterator[None]:
    """Inside, Python's collector does not run: destroying a graph that it finds would break the one being recorded."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def capture(function: Callable[..., Tensor], still: list[Tensor], stream: torch.cuda.Stream) -> Callable[..., Tensor]:
    """`function(*still)` recorded on `stream`, where it must have run before; a replay copies its inputs to `still`.

    Other threads go on with their work meanwhile, and may call the replay in turn, each on a stream of its own.
    """
    graph = torch.cuda.CUDAGraph()
    with RECORDING, collector_off(), torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        result = function(*still)
    last = stream

    def replay(*inputs: Tensor) -> Tensor:
        nonlocal last
        current = torch.cuda.current_stream(still[0].device)
        if current != last:  # what was called there may still read the places that this call writes
            current.wait_stream(last)
            last = current
        for place, given in zip(still, inputs, strict=True):
            place.copy_(given)
        graph.replay()
        return result.clone()

    replay.recorded = function  # the graph reads its tensors, and does not keep them
    return replay

"""One CUDA graph per input shape: the whole forward pass is recorded once and replayed with a single launch.

Recording is lazy (the first call of a shape), and bounded: beyond `LIMIT` shapes the one not used for longest goes,
with its memory. Where recording is impossible the call goes on without a graph, and `fallback` says why. A graph has
one place for its images and one for its logits, so calls from several Python threads wait for one another.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor

LIMIT = 8  # shapes; each holds its own activations
WARMUP = 3  # calls before recording: libraries choose and allocate on the first ones

Replay = Callable[[Tensor], Tensor]


class GraphCache:
    """Calls `compute(images, count)` through recorded graphs; `record` makes one (another in tests)."""

    def __init__(
        self,
        compute: Callable[[Tensor, int], Tensor],
        record: Callable[[Callable[[Tensor], Tensor], Tensor], Replay] | None = None,
        limit: int = LIMIT,
    ) -> None:
        self.compute, self.record, self.limit = compute, record or record_cuda_graph, limit
        self.fallback: str | None = None
        self._replays: OrderedDict[tuple, Replay] = OrderedDict()
        self._lock = Lock()

    def __call__(self, images: Tensor, count: int) -> Tensor:
        with self._lock:
            return self._replay(images, count)

    def _replay(self, images: Tensor, count: int) -> Tensor:
        key = (images.shape, images.dtype, images.device, count)
        if key not in self._replays:
            try:
                replay = self.record(lambda still: self.compute(still, count), images)
            except RuntimeError as error:
                self.fallback = str(error).splitlines()[0]
                return self.compute(images, count)
            self._replays[key] = replay
            if len(self._replays) > self.limit:
                self._replays.popitem(last=False)
        self._replays.move_to_end(key)
        return self._replays[key](images)

    def clear(self) -> None:
        self._replays.clear()

    def __len__(self) -> int:
        return len(self._replays)

    def __reduce__(self) -> tuple:
        """A copy, deep or pickled, starts empty: graphs point at the tensors of the network they were recorded from."""
        return GraphCache, (self.compute, self.record, self.limit)


@torch.no_grad()
def record_cuda_graph(function: Callable[[Tensor], Tensor], images: Tensor) -> Replay:
    """`function` on inputs like `images` as a graph. RuntimeError where there is no CUDA device or it cannot record."""
    if not images.is_cuda:
        raise RuntimeError(f"a CUDA graph needs images on a CUDA device, found {images.device}")
    with torch.inference_mode(False):  # else no call outside inference mode could put its images there
        still = images.clone()
    stream = torch.cuda.Stream(images.device)
    stream.wait_stream(torch.cuda.current_stream(images.device))
    with torch.cuda.stream(stream):
        for _ in range(WARMUP):
            function(still)
    torch.cuda.current_stream(images.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        logits = function(still)

    def replay(images: Tensor) -> Tensor:
        still.copy_(images)
        graph.replay()
        return logits.clone()

    return replay

"""The cache of recorded graphs, with a recorder that needs no GPU: lazy, bounded, and told when it cannot record."""

import torch

from para_former.execution.graphs import GraphCache


class Recorder:
    """Stands in for CUDA: remembers what was recorded, and replays by calling."""

    def __init__(self, refuse: bool = False) -> None:
        self.recorded: list[tuple[int, ...]] = []
        self.refuse = refuse

    def __call__(self, function, images):
        if self.refuse:
            raise RuntimeError("no room\nfor a graph")
        self.recorded.append(tuple(images.shape))
        return function


def cache(recorder: Recorder, limit: int = 2) -> GraphCache:
    return GraphCache(lambda images, count: images * count, recorder, limit)


def test_each_shape_is_recorded_once_and_replayed_after():
    recorder = Recorder()
    graphs = cache(recorder)
    for _ in range(2):
        for batch, count in ((1, 2), (3, 5)):
            assert torch.equal(graphs(torch.ones(batch), count), torch.full((batch,), float(count)))
    assert recorder.recorded == [(1,), (3,)]


def test_the_shape_not_used_for_longest_goes_first():
    recorder = Recorder()
    graphs = cache(recorder)
    for batch in (1, 2, 1, 3, 1, 2):  # 3 pushes 2 out, not 1
        graphs(torch.ones(batch), 1)
    assert recorder.recorded == [(1,), (2,), (3,), (2,)]
    assert len(graphs) == 2
    graphs.clear()
    assert len(graphs) == 0


def test_what_cannot_be_recorded_is_computed_and_the_reason_kept():
    graphs = cache(Recorder(refuse=True))
    assert torch.equal(graphs(torch.ones(2), 3), torch.full((2,), 3.0))
    assert graphs.fallback == "no room"
    assert len(graphs) == 0

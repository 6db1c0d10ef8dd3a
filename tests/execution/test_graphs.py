"""The cache of recorded graphs, with a recorder that needs no GPU: lazy, bounded, and told when it cannot record."""

import contextlib
import copy
import gc
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import MagicMock

import pytest
import torch

import para_former as pf
from para_former.execution import Prepared
from para_former.execution.graphs import GraphCache, record_cuda_graph
from para_former.training.graphed import GraphedStep
from tests.networks import images_for, small_network


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


class Photograph:
    """Stands in for CUDA: replays the first answer, whatever the weights are by then."""

    def __call__(self, function, images):
        answer = function(images)
        return lambda images: answer


def cache(recorder: Recorder, limit: int = 2) -> GraphCache:
    return GraphCache(lambda images, count: images * count, recorder, torch.float32, limit)


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


def test_what_cannot_be_recorded_is_computed_and_the_reason_kept():
    graphs = cache(Recorder(refuse=True))
    assert torch.equal(graphs(torch.ones(2), 3), torch.full((2,), 3.0))
    assert graphs.fallback == "no room"
    graphs.record = recorder = Recorder()
    graphs(torch.ones(2), 3)
    assert not recorder.recorded  # not tried again for a shape that failed


def test_what_cannot_be_compiled_is_recorded_without(monkeypatch):
    """On a GPU; here another recorder stands in for it."""
    monkeypatch.setattr("para_former.execution.graphs.record_cuda_graph", recorder := Recorder())
    graphs = cache(Recorder(refuse=True))
    assert torch.equal(graphs(torch.ones(2), 3), torch.full((2,), 3.0))
    assert recorder.recorded == [(2,)] and graphs.fallback == "no room"


def rewriting(recorder: Recorder, rewritten) -> GraphCache:
    """A cache that may record `rewritten` for one image and has nothing else for more."""
    compute = {1: rewritten}
    return GraphCache(
        lambda images, count: images * count, recorder, torch.float32, rewritten=lambda images: compute.get(len(images))
    )


def test_what_is_rewritten_is_recorded_where_it_computes_the_same():
    graphs = rewriting(recorder := Recorder(), lambda images, count: images * count * (1 + 1e-3))
    assert torch.allclose(graphs(torch.ones(1), 3), torch.full((1,), 3.003)) and graphs.fallback is None
    assert torch.equal(graphs(torch.ones(2), 3), torch.full((2,), 3.0))
    assert recorder.recorded == [(1,), (2,)]


@pytest.mark.parametrize(("dtype", "used"), [(torch.float32, False), (torch.bfloat16, True)])
def test_what_counts_as_the_same_is_up_to_the_number_format(dtype, used):
    graphs = GraphCache(
        lambda images, count: images,
        Recorder(),
        dtype,
        rewritten=lambda images: lambda images, count: images * 1.05,
    )
    assert torch.equal(graphs(torch.ones(2), 1), torch.full((2,), 1.05 if used else 1.0))
    assert (graphs.fallback is None) == used


def no_kernel(images, count):
    raise RuntimeError("no kernel")


@pytest.mark.parametrize(
    ("rewritten", "reason"), [(lambda images, count: images * count * 2, "are off by"), (no_kernel, "no kernel")]
)
def test_what_cannot_be_rewritten_is_recorded_as_it_is(rewritten, reason):
    class Running(Recorder):
        """Records by running once, as CUDA does."""

        def __call__(self, function, images):
            function(images)
            return super().__call__(function, images)

    graphs = rewriting(recorder := Running(), rewritten)
    for _ in range(2):
        assert torch.equal(graphs(torch.ones(1), 3), torch.full((1,), 3.0))
    assert reason in graphs.fallback and recorder.recorded[-1] == (1,) and len(graphs) == 1


@pytest.fixture
def compiled(monkeypatch, no_shape_checks):
    """What torch.compile has compiled so far, as it was; nothing is generated."""
    graphs = []

    def backend(graph, example_inputs):
        graphs.append(graph)
        return graph.forward

    torch_compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: torch_compile(function, backend=backend))
    return graphs


def test_every_shape_of_every_network_is_compiled(compiled):
    """Of one code object PyTorch compiles eight variants, here one, so a second shape would be the end of it."""
    networks = [small_network(depth=depth) for depth in (1, 2)]
    with torch._dynamo.config.patch(recompile_limit=1):
        for model in networks:
            fast = pf.prepare(model, "compiled")
            for images in (images_for(model, 1), images_for(model, 2)):
                for _ in range(2):
                    assert torch.allclose(fast(images), pf.reference(model, images), atol=1e-10)
            assert fast.fallback is None
    assert len(compiled) == 4


def test_images_of_any_kind_are_answered_by_what_was_compiled_and_checked(compiled):
    model = small_network()
    fast, images = pf.prepare(model, "compiled"), images_for(model, 4)
    assert fast(images * torch.nan).isnan().all() and fast.fallback is None  # judged by images of its own
    kinds = [
        images.contiguous(memory_format=torch.channels_last),
        images.mT,
        images.flip(0),
        images[:1].expand_as(images),
    ]
    for each in (*kinds, images.clone().requires_grad_()):
        assert torch.allclose(fast(each), pf.reference(model, each.detach()), atol=1e-10)
    with torch.inference_mode():
        assert torch.allclose(fast(images), pf.reference(model, images), atol=1e-10)
    assert len(compiled) == 1


def test_without_a_compiler_a_network_is_not_compiled_and_says_why(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no C++ compiler\nhere")

    monkeypatch.setattr(torch, "compile", refuse)
    model = small_network()
    fast, images = pf.prepare(model, "compiled"), images_for(model)
    assert torch.allclose(fast(images), pf.reference(model, images), atol=1e-10)
    assert fast.fallback == "no C++ compiler"


@pytest.mark.parametrize("wrong", [lambda logits: logits * 1.2, lambda logits: logits * torch.nan])
def test_a_miscompiled_network_is_not_used_and_says_why(wrong, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: lambda images: wrong(function(images)))
    model = small_network()
    fast, images = pf.prepare(model, "compiled"), images_for(model)
    assert torch.allclose(fast(images), pf.reference(model, images), atol=1e-10)
    assert "are off by" in fast.fallback


def test_calls_from_two_threads_do_not_meet_in_a_graph():
    both = threading.Barrier(2, timeout=0.2)  # s; broken unless two threads wait at once

    def replay(images):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait()
            raise AssertionError("two threads replayed one graph")
        return images

    graphs = GraphCache(lambda images, count: images, lambda *_: replay, torch.float32)
    with ThreadPoolExecutor(2) as pool:
        for result in [pool.submit(graphs, torch.ones(1), 1) for _ in range(2)]:
            result.result()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copied_network_replays_no_graph_of_the_first(copied):
    model = small_network()
    images, prepared = images_for(model), pf.prepare(model, "graphed")
    prepared._graphs.record = Photograph()
    before = prepared(images)
    assert prepared(images) is before
    other = copied(prepared)
    other.head_bias += 1
    assert torch.allclose(other(images), before + 1)


def test_a_replica_on_another_gpu_replays_no_graph_of_the_first():
    """`nn.DataParallel` makes it before every call, and then puts the tensors of its GPU in place."""
    model = small_network()
    images, prepared = images_for(model), pf.prepare(model, "graphed")
    prepared._graphs.record = Photograph()
    before = prepared(images)
    replica = prepared._replicate_for_data_parallel()
    replica.head_bias = replica.head_bias + 1
    assert torch.allclose(replica(images), before + 1)
    assert prepared(images) is before


@pytest.mark.parametrize("assign", [True, False])
@pytest.mark.parametrize("around", [lambda network: network, torch.nn.Sequential, copy.deepcopy])
def test_a_network_with_other_weights_replays_no_graph_of_the_earlier(around, assign):
    model, halved = small_network(), small_network()
    for parameter in halved.parameters():
        parameter.data *= 0.5
    images = images_for(model)
    loaded, wanted = (around(pf.prepare(network, "graphed")) for network in (model, halved))
    (prepared,) = [module for module in loaded.modules() if isinstance(module, Prepared)]
    prepared._graphs.record = Photograph()
    before, expected = loaded(images), wanted(images)
    assert loaded(images) is before and not torch.allclose(before, expected)
    loaded.load_state_dict(wanted.state_dict(), assign=assign)
    assert torch.equal(loaded(images), expected)


def test_graphs_go_with_the_network_they_were_recorded_from():
    prepared = pf.prepare(model := small_network(), "graphed")
    prepared._graphs.record = lambda function, images: function  # keeps what it replays, as a graph does
    prepared(images_for(model))
    before = weakref.ref(prepared._graphs)
    gc.disable()
    try:
        prepared.float()
        assert before() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("executor", ["auto", "graphed"])
def test_a_network_that_is_dropped_goes_with_its_graphs(executor):
    prepared = pf.prepare(model := small_network(), executor)
    prepared._graphs.record = lambda function, images: function
    prepared(images_for(model))
    weight = weakref.ref(prepared.embed.weight)
    gc.disable()
    try:
        del prepared
        assert weight() is None
    finally:
        gc.enable()


class OnGPU(torch.Tensor):
    is_cuda = True


@pytest.fixture
def still_cuda(monkeypatch):
    """CUDA stands still: recording calls the function, only the tensors that a replay copies its inputs to are real."""
    stream = MagicMock(spec=torch.cuda.Stream)
    for name in ("Stream", "current_stream", "stream", "CUDAGraph", "graph"):
        monkeypatch.setattr(torch.cuda, name, MagicMock(return_value=stream if name == "Stream" else MagicMock()))


def test_a_replay_keeps_what_its_graph_reads(still_cuda):
    network = torch.nn.Linear(2, 2)
    kept = weakref.ref(network)
    replay = record_cuda_graph(network, torch.ones(1, 2).as_subclass(OnGPU))
    del network
    gc.collect()
    assert kept() is not None
    del replay
    gc.collect()
    assert kept() is None


def test_a_training_step_is_called_for_the_first_batches_and_then_recorded_once(still_cuda):
    seen = []
    step = GraphedStep(lambda images, labels: seen.append((images, labels)) or images.sum(), torch.device("cpu"))
    batches = [(torch.full((2,), float(number)), torch.tensor([number, number])) for number in range(6)]
    for images, labels in batches:
        step(images, labels)
    assert all(used is given for used, given in zip(seen[0] + seen[2], batches[0] + batches[2], strict=True))
    assert len(seen) == 4  # three batches, and the recording
    assert all(
        torch.equal(place, given) for place, given in zip(seen[3], batches[5], strict=True)
    )  # of the last replay
    assert torch.equal(batches[3][0], torch.full((2,), 3.0))  # what was recorded is a copy


def test_a_replay_on_another_stream_waits_for_the_one_before(still_cuda, monkeypatch):
    replay = record_cuda_graph(lambda still: still[:], torch.ones(2).as_subclass(OnGPU))
    first, second = MagicMock(), MagicMock()
    for stream in (first, first, second, second, first):
        monkeypatch.setattr(torch.cuda, "current_stream", lambda *_, now=stream: now)
        replay(torch.ones(2))
    assert [call.args for call in first.wait_stream.call_args_list[1:]] == [(second,)]  # the first is the recording's
    assert [call.args for call in second.wait_stream.call_args_list] == [(first,)]


def test_what_is_recorded_in_inference_mode_is_replayed_outside(still_cuda):
    images = torch.ones(2)
    with torch.inference_mode():
        replay = record_cuda_graph(lambda still: still[:], torch.ones(2).as_subclass(OnGPU))
    assert torch.equal(replay(2 * images), 2 * images)
    with torch.inference_mode():
        assert torch.equal(replay(3 * images), 3 * images)


def test_other_branches_of_the_same_images_are_recorded_apart():
    graphs = cache(recorder := Recorder())
    assert [graphs(torch.ones(1), count).item() for count in (2, 5, 2)] == [2, 5, 2]
    assert recorder.recorded == [(1,), (1,)]

"""How the contenders of a task are called: with which images, how often before the clock counts."""

import pytest
import torch
from torch import nn

from para_former.bench import compare
from para_former.bench.contenders import CONTENDERS, Contender
from tests.bench.test_contenders import task_of


class Noting(nn.Identity):
    """Notes the number format of the images that it is called with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        self.seen.append(images.dtype)
        return images


@pytest.mark.parametrize(("converts", "dtype"), [(True, torch.float32), (False, torch.bfloat16)])
def test_only_who_converts_inside_its_time_is_given_float32(converts, dtype, monkeypatch):
    network = Noting()
    monkeypatch.setitem(CONTENDERS, "noting", Contender(lambda task: network, None, converts=converts))
    compare.compare(task_of(dtype=torch.bfloat16), ["noting"], seconds=0.0, rounds=1)
    assert set(network.seen) == {dtype}


def test_a_contender_is_called_until_it_runs_at_its_speed(monkeypatch):
    network = Noting()
    monkeypatch.setattr(compare, "interleave", lambda *_, **__: {})
    monkeypatch.setitem(CONTENDERS, "noting", Contender(lambda task: network, None, settling=2))
    compare.compare(task_of(), ["noting"], seconds=0.0)
    assert len(network.seen) == 3


@pytest.mark.parametrize(("milliseconds", "warmup"), [(400.0, 2), (600.0, 0)])
def test_a_round_of_more_than_a_second_is_not_warmed_up(milliseconds, warmup, monkeypatch):
    given = []
    monkeypatch.setattr(compare, "milliseconds", lambda call: call() or milliseconds)
    monkeypatch.setattr(compare, "interleave", lambda *_, warmup, **__: given.append(warmup) or {})
    compare.compare(task_of(), ["loop", "stacked"], seconds=0.0)
    assert given == [warmup]

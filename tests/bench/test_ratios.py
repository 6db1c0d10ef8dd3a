"""Which way round a speed-up is."""

import torch

from para_former.bench import latency, run
from para_former.bench.compare import Comparison
from para_former.bench.points import Point
from para_former.models import ModelConfig
from tests.bench.test_contenders import TINY


def four_times(*names):
    """A comparison in which serial takes four times as long as any other, on a machine that stutters once."""
    times = {name: [4.0, 40.0, 4.0] if name == "serial" else [1.0, 10.0, 1.0] for name in names}
    return Comparison(times, dict.fromkeys(names, 0.0), dict.fromkeys(names))


def test_a_latency_is_ours_beside_the_peers_and_above_1_where_ours_is_faster(monkeypatch):
    asked = []

    def compare(task, names, **limits):
        asked.append((len(task.images), limits["rounds"]))
        return four_times(*names)

    monkeypatch.setattr(latency, "compare", compare)
    line = latency.measure_latency(ModelConfig(layers=2, **TINY), batch=2, rounds=3)
    assert asked == [(2, 3)] == [(line["batch"], line["rounds"])]
    assert [line[name]["median"] for name in ("ours_ms", "peer_ms", "ratio")] == [1.0, 4.0, 4.0]


def test_a_ratio_is_the_time_of_the_baseline_over_that_of_the_contender(monkeypatch):
    monkeypatch.setattr(run, "compare", lambda *_, **__: four_times("serial", "stacked"))
    point = Point(layers=4, width=64, image_size=8, contenders=("serial", "stacked"))
    serial, stacked = run.measure(point, suite="x", device=torch.device("cpu"))["contenders"]
    assert (serial["ms"]["median"], serial["ratio"]["median"]) == (4.0, 1.0)
    assert (stacked["ms"]["median"], stacked["ratio"]["median"]) == (1.0, 4.0)

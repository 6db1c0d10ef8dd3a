"""What is measured of a device, on devices whose times are made up."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from para_former.execution import calibration


@pytest.fixture
def constants(monkeypatch):
    """Measured where products take a second for every billion operations, and anything else one second."""

    def seconds(call, device, before=None):
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            call()
        return counter.get_total_flops() / 1e9 or 1.0

    monkeypatch.setattr(calibration, "_seconds", seconds)
    monkeypatch.setattr(calibration, "_cache_bytes", lambda *_: 2.0**20)
    monkeypatch.setattr(calibration, "measure_few_rows", lambda *_: 0)
    monkeypatch.setattr(calibration, "SIZES", {"cpu": {"rows": (1, 16), "products": 3, "width": 64}})
    return calibration._measure(torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("name", ["batched_rate", "single_rate", "attention_rate"])
def test_rates_count_the_operations_that_were_timed(constants, name):
    assert [rate for _, rate in constants[name]] == pytest.approx([1e9, 1e9])


def test_a_pass_reads_and_writes_every_number_and_a_function_takes_it_once(constants):
    assert constants["cache_rate"] == 2 * 4 * constants["function_rate"]


def test_the_cache_ends_where_reading_takes_more_than_twice_as_long(monkeypatch):
    """Of a made-up memory: numbers beyond 16 MiB take three times as long as those before."""
    knee = 4 * 2**20  # of float32

    def times(call, budget):
        (numbers,) = call.args
        return [len(numbers) * (3.0 if len(numbers) > knee else 1.0)]

    monkeypatch.setattr(calibration, "_times", times)
    assert calibration._cache_bytes(torch.device("cpu"), 0.0) == 4 * knee


@pytest.mark.parametrize(
    ("cost", "gains"),
    [(lambda branches: 1.0, True), (lambda branches: branches, False), (lambda branches: 2.0 * branches - 1, False)],
)
def test_batching_gains_where_one_call_takes_less_than_its_branches_apart(monkeypatch, cost, gains):
    now = 0.0

    def product(x, weight, bias):
        nonlocal now
        now += cost(len(weight))
        return bias

    monkeypatch.setattr(calibration, "branch_linear", product)
    monkeypatch.setattr(calibration, "gelu_", lambda x: x)
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: now)
    assert calibration._batching_gains(2, 4, torch.float32, end=1e9) == gains

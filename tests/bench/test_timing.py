"""Every round calls every function, and the summaries are right. No test looks at a clock."""

from itertools import groupby
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.bench import timing
from para_former.bench.timing import LEAST_ROUNDS, interleave, ratio, summarize


@given(
    names=st.sets(st.characters(codec="ascii"), min_size=1, max_size=4),
    rounds=st.integers(1, 6),
    warmup=st.integers(0, 3),
)
@settings(max_examples=30)
def test_every_round_calls_every_function_alike(names, rounds, warmup):
    """Whole rounds, each a permutation; after a warm-up a fast function is called several times in its turn."""
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in names}
    times = interleave(functions, rounds=rounds, warmup=warmup)
    assert list(times) == list(functions)
    assert all(len(values) == rounds and min(values) >= 0 for values in times.values())
    turns = [name for name, _ in groupby(calls)] if warmup else calls
    assert set(turns[-len(names) :]) == names
    if not warmup:
        assert all(set(calls[i : i + len(names)]) == names for i in range(0, len(names) * rounds, len(names)))


def test_the_order_of_a_round_changes_and_is_the_same_in_every_run():
    def order():
        calls = []
        interleave({name: lambda name=name: calls.append(name) for name in "abcd"}, rounds=12, warmup=0)
        return ["".join(calls[i : i + 4]) for i in range(0, 48, 4)]

    assert order() == order()
    assert len(set(order())) > 4 and len({first for first, *_ in order()}) == 4


def test_a_slow_round_ends_the_run_but_not_before_the_third():
    assert len(interleave({"a": lambda: None}, rounds=60, seconds=-1.0)["a"]) == LEAST_ROUNDS == 3
    assert len(interleave({"a": lambda: None}, rounds=2, seconds=-1.0)["a"]) == 2
    assert interleave({}, rounds=5) == {}


def test_summary_of_known_numbers():
    assert summarize([5.0, 1.0, 3.0, 2.0, 4.0]) == {"q1": 2.0, "median": 3.0, "q3": 4.0}
    assert summarize([7.0]) == {"q1": 7.0, "median": 7.0, "q3": 7.0}


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
@settings(max_examples=30)
def test_quartiles_are_in_order_and_in_range(values):
    summary = summarize(values)
    ordered = [min(values), summary["q1"], summary["median"], summary["q3"], max(values)]
    assert ordered == sorted(ordered)


def test_ratio_is_taken_round_by_round():
    """A machine that is ten times slower in one round changes no ratio."""
    assert ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == {"q1": 2.0, "median": 2.0, "q3": 2.0}
    assert ratio([1.0], [4.0])["median"] == 0.25


def test_ratio_refuses_runs_of_different_length():
    with pytest.raises(ValueError):
        ratio([1.0, 2.0], [1.0])


def test_the_time_of_a_call_is_the_mean_of_several_whatever_their_number(monkeypatch):
    """A clock that only the functions move. Two warm-ups; then in each turn one call alone, or one that is not timed
    and as many as take 10 ms, but at most 20."""
    now, calls = [0.0], []

    def taking(name, seconds):
        def function():
            calls.append(name)
            now[0] += seconds

        return name, function

    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    times = timing.interleave(dict([taking("fast", 0.002), taking("slow", 0.02), taking("tiny", 1e-5)]), rounds=3)
    assert times == {name: pytest.approx([ms] * 3) for name, ms in (("fast", 2.0), ("slow", 20.0), ("tiny", 0.01))}
    assert [calls.count(name) for name in times] == [2 + 3 * (1 + 5), 2 + 3, 2 + 3 * (1 + 20)]

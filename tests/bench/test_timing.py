"""Functions are called in turn and as often as asked, and the summaries are right. No test looks at a clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.bench.timing import interleave, ratio, summarize


@given(
    names=st.sets(st.characters(codec="ascii"), min_size=1, max_size=4),
    rounds=st.integers(1, 6),
    warmup=st.integers(0, 3),
)
@settings(max_examples=30)
def test_functions_are_called_in_turn_as_often_as_asked(names, rounds, warmup):
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in names}
    times = interleave(functions, rounds=rounds, warmup=warmup)
    assert calls == list(functions) * (warmup + rounds)
    assert list(times) == list(functions)
    assert all(len(values) == rounds and min(values) >= 0 for values in times.values())


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

"""Stopping a run at a chosen moment, and tables of runs that are timed briefly."""

from contextlib import contextmanager
from functools import partial

import pytest

from para_former.bench import measure_latency
from para_former.training import loop


class Stopped(BaseException):
    """As KeyboardInterrupt, which pytest keeps to itself: nothing in a run may catch it."""


@pytest.fixture
def stop_at(monkeypatch):
    """Context in which the n-th call of a function of the loop raises, before or after its work, and training ends."""

    @contextmanager
    def stopping(name, call, after=False):
        real, calls = getattr(loop, name), []

        def stopping_call(*arguments, **named):
            calls.append(name)
            if len(calls) == call and not after:
                raise Stopped
            result = real(*arguments, **named)
            if len(calls) == call:
                raise Stopped
            return result

        with monkeypatch.context() as patch:
            patch.setattr(loop, name, stopping_call)
            with pytest.raises(Stopped):
                yield

    return stopping


@pytest.fixture(autouse=True)
def timed_briefly(monkeypatch):
    """How long a network takes is no test's business."""
    monkeypatch.setattr("para_former.training.reproduce.measure_latency", partial(measure_latency, rounds=3))

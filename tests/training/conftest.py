"""Stopping a run at a chosen moment."""

from contextlib import contextmanager

import pytest

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

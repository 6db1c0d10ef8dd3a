"""A moment before which training stops by itself, between two epochs, so that long work fits into short sessions."""

import math
import time
from collections.abc import Callable, Iterable, Iterator

from para_former.errors import InputError


class Deadline:
    """`minutes` from now, by a `clock` in seconds; without minutes it never comes.

    An epoch is expected to take as long as the one before it, and the first one of a training, which may have a network
    to compile, as long as the longest of the training before. InputError for minutes that are not above 0.
    """

    def __init__(self, minutes: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        if not minutes > 0:
            raise InputError(f"minutes: expected a number above 0, found {minutes}")
        self._clock = clock
        self._end = clock() + 60 * minutes
        self._forecast = 0.0  # seconds of the next epoch, validation and checkpoint among them

    @property
    def is_near(self) -> bool:
        """Whether one more epoch is expected to pass it."""
        return self._clock() + self._forecast > self._end

    def until(self, epochs: Iterable[int]) -> Iterator[int]:
        """The epochs of a training in turn until it is near; the first always, so that every piece of work gets on."""
        taken = []
        for epoch in epochs:
            start = self._clock()
            yield epoch
            taken.append(self._clock() - start)
            self._forecast = taken[-1]
            if self.is_near:
                return
        self._forecast = max(taken, default=self._forecast)


NEVER = Deadline()

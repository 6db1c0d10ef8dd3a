"""Stop long work cleanly: Ctrl-C and SIGTERM end it alike, and the user is told how to go on."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stoppable(command: Callable[[], str], unit: str = "epoch") -> Iterator[None]:
    """Inside, both signals raise KeyboardInterrupt with the `command` that then goes on from the last whole `unit`."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; go on from the last whole {unit} by: {command()}") from None
    finally:
        signal.signal(signal.SIGTERM, before)

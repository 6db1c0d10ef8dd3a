"""Build contenders, check what each computes, and time all of them in one interleaved run."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from para_former.bench.contenders import CONTENDERS
from para_former.bench.tasks import Inference, Training
from para_former.bench.timing import interleave, milliseconds
from para_former.errors import InputError

ROUNDS = 60  # at most
SLOW_SECONDS = 1.0  # a round that takes longer needs no warm-up beyond the call that is checked
LONGEST_NOTE = 200  # letters


@dataclass
class Comparison:
    """Milliseconds, errors and notes by name; why a contender has none of them stands in `not_measured`."""

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, float | None] = field(default_factory=dict)
    notes: dict[str, str | None] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    calls: dict[str, Callable[[], Tensor]] = field(default_factory=dict)
    """what was timed, ready for more"""


def compare(task: Inference | Training, names: Sequence[str], *, seconds: float, rounds: int = ROUNDS) -> Comparison:
    """Time the contenders called `names` on `task` for about `seconds`; one that fails is left out with its reason."""
    torch._dynamo.reset()  # else it compiles a second point for shapes that change, slower; it forgets all before it
    result = Comparison()
    round_seconds = 0.0
    for name in names:
        try:
            round_seconds += _enter(name, task, result)
        except Exception as error:  # whatever stops one contender on this machine is a finding about it alone
            result.not_measured[name] = reason(error)
    with warnings.catch_warnings(action="ignore"):  # they stand in the notes
        warmup = 2 if round_seconds < SLOW_SECONDS else 0
        result.times = interleave(result.calls, rounds=rounds, seconds=seconds, warmup=warmup)
    return result


def _enter(name: str, task: Inference | Training, result: Comparison) -> float:
    """Build one contender, call it until it runs at its speed, check it; seconds of its last call."""
    contender = CONTENDERS[name]
    output = None

    def keep_output() -> None:
        nonlocal output
        output = call()

    with warnings.catch_warnings(record=True, action="always") as caught:
        network = contender.build(task)
        call = task.call(network, task.images if contender.converts else task.images.to(task.weight_dtype))
        last_call = [milliseconds(keep_output) for _ in range(1 + contender.settling)][-1] / 1e3
    error = None if contender.function is None else task.error(output, contender.function)
    said = [str(warning.message) for warning in caught if warning.category is UserWarning]
    said.append(getattr(network, "fallback", None) or "")
    result.notes[name] = "; ".join(dict.fromkeys(filter(None, map(_line, said)))) or None
    result.errors[name], result.calls[name] = error, call
    return last_call


def reason(error: Exception) -> str:
    """The first line of what went wrong."""
    message = _line(str(error))
    return message if isinstance(error, InputError) else f"{type(error).__name__}: {message}".removesuffix(": ")


def _line(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "")
    return line if len(line) <= LONGEST_NOTE else line[: LONGEST_NOTE - 1] + "…"

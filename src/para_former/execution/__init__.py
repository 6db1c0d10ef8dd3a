"""Ways to compute the function of a network. Each answers to `reference`, the plain loop."""

from para_former.execution.prepared import Executor, Prepared, prepare
from para_former.execution.reference import reference

__all__ = ["Executor", "Prepared", "prepare", "reference"]

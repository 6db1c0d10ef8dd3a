"""The exception that means "the input is wrong", not "the program is wrong", and the one kind of it that is caught.

The command line prints it as a single line and exits with code 2; a traceback appears only with ``--debug``.
A message names the file or value, what was expected and what was found.
"""

from collections.abc import Sequence

FEW = 5


class InputError(ValueError):
    """A value, file or folder given by the user cannot be used."""


class MissingData(InputError):
    """The files of a data set are not where they were looked for; a command for several data sets leaves it out."""


def first_few(texts: Sequence[str]) -> str:
    """The first `FEW` of many, and how many more there are."""
    more = f"; and {len(texts) - FEW} more" if len(texts) > FEW else ""
    return "; ".join(texts[:FEW]) + more


def first_line(error: Exception) -> str:
    """What an error says, in one line; its name where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__

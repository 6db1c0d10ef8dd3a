"""Flags of a command from the fields of a dataclass (tyro), with mistakes told in one line like all other bad input."""

import contextlib
import io
import re
import sys
from typing import TypeVar

import tyro

from para_former.errors import InputError

Options = TypeVar("Options")
PLAIN = (
    (r"^Error parsing \w+: ", ""),  # of a class or a group of flags: says nothing to a user
    (r"^Error parsing (\S+): invalid literal for int\(\) with base 10: ", r"\1: expected a whole number, found "),
    (r"^Error parsing (\S+): could not convert string to float: ", r"\1: expected a number, found "),
    (r"^Missing from para-former \w+: (\S+).*", r"\1: expected a value, found none"),
)
"""what tyro says -> in our words"""


def parse(options: type[Options], arguments: list[str], command: str, default: Options | None = None) -> Options:
    """`arguments` as an instance of the dataclass `options`; `default` gives the values of flags left out."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        name, equals, value = argument.partition("=")
        if not argument or (name.startswith("--") and equals and not value):  # Path("") is the current folder
            flag = before if before.startswith("--") and "=" not in before else "argument"
            raise InputError(f"{name or flag}: expected a value, found an empty one")
    output = io.StringIO()
    extra = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(output):
            return tyro.cli(options, args=arguments, prog=f"para-former {command}", **extra)
    except SystemExit as stop:
        if not stop.code:  # --help has printed what was asked for
            sys.exit(0)
    raise InputError(_first_statement(output.getvalue()) + f" (see para-former {command} --help)") from None


def _first_statement(box: str) -> str:
    """What stands between the first two lines of tyro's error box: the statement, without the advice."""
    lines = [line.strip("│╭╮╰╯|+ ") for line in box.splitlines()]  # where the output takes no Unicode: ASCII lines
    rules = [number for number, line in enumerate(lines) if line.endswith(("─", "--"))]
    start, end = rules[:2] if len(rules) > 1 else (-1, len(lines))
    statement = " ".join(" ".join(lines[start + 1 : end]).split())
    for pattern, wording in PLAIN:
        statement = re.sub(pattern, wording, statement)
    return statement

"""The command `para-former`: find the command's file, run it, turn what happens into text or JSON and an exit code.

0 done; 1 failed; 2 bad input, told in one line. A traceback appears only with --debug.
"""

import errno
import importlib
import json
import os
import sys
import traceback
from pathlib import Path

from rich.console import Console

from para_former.cli.memory import keep_freed_memory
from para_former.errors import InputError

COMMANDS = {
    "train": "train one network on one data set",
    "evaluate": "accuracy of a trained network on a split",
    "predict": "classes of image files, with probabilities",
    "download": "fetch the official files of a data set",
    "reproduce": "train and time the networks of one of the paper's tables, then report",
    "bench": "time networks against everything that could be run in their place",
    "uat": "the paper's theory on trained networks: Eq. 1 to 9, degrees of freedom, Figure 6",
    "plan": "which networks fit a latency budget on this device, by prediction",
    "report": "build the page of tables and plots from records",
    "info": "networks, data sets, devices and versions",
}
PIPE_WIDTH = 160  # letters, where no terminal sets a width: room for a table of results
USAGE = """usage: para-former COMMAND [options]

{commands}

para-former COMMAND --help lists its options with defaults. Every command also takes
  --json    print the result as JSON on the standard output, all else on the standard error
  --debug   show a traceback when something fails
"""


def main(arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    flags = {flag: flag in arguments for flag in ("--json", "--debug")}
    name, *rest = [argument for argument in arguments if argument not in flags] or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE.format(commands="\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())), end="")
        return 0
    console = Console(stderr=flags["--json"], soft_wrap=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    keep_freed_memory()
    try:
        if name not in COMMANDS:
            raise InputError(f"unknown command {name!r}: expected one of {', '.join(COMMANDS)}")
        result = importlib.import_module(f"para_former.cli.{name}").run(rest, console)
    except KeyboardInterrupt as stop:
        return _fail(name, str(stop) or "stopped", 1)
    except Exception as error:
        if flags["--debug"]:
            traceback.print_exc()
        return _fail(name, *_told(error, rest))
    if flags["--json"]:
        print(json.dumps(result))
    return 0


WRONG_PATHS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


def _told(error: Exception, arguments: list[str]) -> tuple[str, int]:
    """What is said of it, and the exit code: 2 too where a path that the arguments name cannot be used."""
    if isinstance(error, InputError):
        return str(error), 2
    values = (argument.rpartition("=")[2].removeprefix("folder:") for argument in arguments)
    named = [Path(value).absolute() for value in values if value]
    wrong = isinstance(error, WRONG_PATHS) or getattr(error, "errno", None) == errno.ENAMETOOLONG
    path = error.filename if wrong else None
    if path is not None and any(map(Path(str(path)).absolute().is_relative_to, named)):
        return f"{path}: {error.strerror}", 2
    return f"{type(error).__name__}: {error} (--debug shows where)", 1


def _fail(name: str, message: str, code: int) -> int:
    print(f"para-former {name}: {' '.join(message.split())}", file=sys.stderr)
    return code


def entry_point() -> None:
    """What the installed script calls. A reader that has gone, or an output with no room, ends it in one line."""
    if sys.stdout:  # none where it was closed
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold bytes that are no text
    try:
        code = main(sys.argv[1:])
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries to flush once more
        code = _fail("standard output", str(error.strerror), 1)
    sys.exit(code)

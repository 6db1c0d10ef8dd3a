"""`para-former report RUN_OR_RESULTS...`: tables and plots from records, as a page and as Markdown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from para_former.cli.parsing import parse
from para_former.errors import InputError
from para_former.records import Record
from para_former.reports import write_report


@dataclass(frozen=True)
class Options:
    """Tables and plots from records alone; nothing is trained or timed."""

    roots: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_RESULTS...")]
    """runs, folders of runs or record files"""
    output: Path | None = None
    """folder for report.html; the first root's when left out"""
    markdown: Path | None = None
    """file for the text, with a folder of drawings beside it; report.md beside the page when left out"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "report")
    if not options.roots:
        raise InputError("expected at least one run or folder of records, found none")
    first = options.roots[0]
    output = options.output or (first.parent if first.is_file() else first)
    page, markdown = write_report(options.roots, output, options.markdown)
    console.print(f"page: {page}\ntext: {markdown}")
    return {"page": str(page), "markdown": str(markdown)}

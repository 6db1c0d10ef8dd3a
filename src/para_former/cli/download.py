"""`para-former download DATASET`: the official files, with checksums."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from para_former.cli.parsing import parse
from para_former.data import download, get_spec
from para_former.records import Record


@dataclass(frozen=True)
class Options:
    """Fetch the official files of a data set; what is there already is not fetched again."""

    dataset: Annotated[str, tyro.conf.Positional]
    """cifar10, cifar100, stl10, pets or flowers102"""
    data_root: Path | None = None
    """where to: into the folder of the data set's name in it; $PARA_FORMER_DATA or ./data when left out"""
    hub: str | None = None
    """OWNER/NAME of parquet files on the Hugging Face hub, in place of the official files"""


def run(arguments: list[str], console: Console) -> Record:
    options = parse(Options, arguments, "download")
    source = download(get_spec(options.dataset), options.data_root, options.hub)
    console.print(f"{options.dataset} in {source.folder}")
    return {"dataset": options.dataset, "folder": str(source.folder), "files": [str(path) for path in source.files]}

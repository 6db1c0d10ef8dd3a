"""Fetch the official files of a data set, or a copy of it from the Hugging Face hub, into the folder of data sets.

torchvision and huggingface_hub check and unpack; what is there is kept, and a file that broke off goes on where it
stopped. A failure becomes one line that says what to do by hand. Nothing is read here (``sources.py``).
"""

import os
import shutil
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from huggingface_hub import snapshot_download
from rich.console import Console
from rich.progress import wrap_file

from para_former.data.official import open_official
from para_former.data.sources import Source, locate, root_folder
from para_former.data.specs import DatasetSpec
from para_former.errors import InputError, MissingData, first_line


def download(spec: DatasetSpec, data_root: str | Path | None = None, hub_id: str | None = None) -> Source:
    """Fetch ``spec`` into ``<root>/<name>`` and say where it lies; the root as ``locate`` finds it.

    Without ``hub_id`` these are the official files, each compared with its checksum and unpacked, and nothing where
    parquet files are. An archive put there by hand is unpacked too. With ``hub_id`` ("owner/name") they are the
    parquet files of that repository of the hub.
    """
    if not spec.torchvision_class:
        raise InputError(f"{spec.title}: nothing to download for this data set")
    folder = root_folder(data_root) / spec.name
    if not hub_id:
        with suppress(MissingData):
            there = locate(spec, data_root)
            if there.layout == "parquet" and there.folder.is_relative_to(folder):
                return there
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if hub_id:
            _from_hub(spec, hub_id, folder)
        else:
            _official(spec, folder)
    except OSError as error:
        raise InputError(f"{folder}: expected a folder to download {spec.title} into, found: {error}") from error
    finally:
        with suppress(OSError):  # it holds what was fetched
            folder.rmdir()
    return locate(spec, data_root)


def _official(spec: DatasetSpec, folder: Path) -> None:
    by_hand = f"by hand, get {'; '.join(f'{url} as {folder / path}' for path, url in spec.archives.items())}"
    try:
        if not _is_whole(spec, folder):
            for name, url in spec.archives.items():
                if name.endswith("gz") and not (folder / name).exists():
                    _fetch(url, folder / name)  # tables come with torchvision, last: they mark what is unpacked
        open_official(spec, "train", folder, download=True)
    except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
        raise InputError(f"{spec.title}: its server is away ({error}); {by_hand}") from error
    except RuntimeError as error:  # a checksum differs
        raise InputError(f"{spec.title}: its server sent another file than the official one; {by_hand}") from error


def _is_whole(spec: DatasetSpec, folder: Path) -> bool:
    try:
        open_official(spec, "train", folder)
    except (RuntimeError, OSError, ValueError):
        return False
    return True


def _fetch(url: str, path: Path) -> None:
    """The file at ``url`` as ``path``, from where an earlier try broke off if the server can."""
    part = path.with_name(f"{path.name}.part")
    done = part.stat().st_size if part.exists() else 0
    try:
        answer = urlopen(Request(url, headers={"Range": f"bytes={done}-"} if done else {}), timeout=60)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        os.replace(part, path)  # nothing was left to send
        return
    console = Console(stderr=True)
    with answer:
        done = done if answer.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = int(answer.headers["Content-Length"] or 0)  # none where a proxy sends pieces, whose end it tells
        bar = {"description": path.name, "console": console, "transient": True, "disable": not console.is_terminal}
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "ab" if done else "wb") as file, wrap_file(answer, length, **bar) as body:
            shutil.copyfileobj(body, file)
    if length and part.stat().st_size != done + length:
        raise ConnectionError(f"it broke off; the same command goes on after {part.stat().st_size:,} bytes")
    os.replace(part, path)


def _from_hub(spec: DatasetSpec, hub_id: str, folder: Path) -> None:
    try:
        snapshot_download(hub_id, repo_type="dataset", allow_patterns="*.parquet", local_dir=folder)
    except Exception as error:  # the hub's own errors, those of its client, and bad ids have no class in common
        reason = f"could not be fetched from the Hugging Face hub: {first_line(error)}"
        raise InputError(f"{spec.title}: {hub_id} {reason}") from error

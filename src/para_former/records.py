"""Records: what was run or measured, under which conditions, as one JSON object a line.

A record is a plain dict with a ``kind`` and JSON values. This file stamps, writes and reads records; it knows no
torch model and imports no torch. Kinds in use:

``run``      the first line of a training record: configuration, environment, data split
``resumed``  where a run went on in another process: after which epoch, under which conditions
``epoch``    one line per epoch: losses, validation accuracy, learning rate, images/s
``test``     the single evaluation of the test split, after training
``latency``  one timing comparison of two networks in one interleaved run
``bench``    one timing comparison of many contenders at one point, in one interleaved run
``prediction``  one time by the planner beside the measured one, with the constants of the device it rests on
``evaluation``  what was looked at after training, on any split
``theory``   one study of the theory, of one trained network or of Eq. 1 by itself
"""

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from para_former.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: let one process at a time write to a file
    fcntl = None

Record = dict[str, Any]
PACKAGES = ("para-former", "torch", "torchvision", "timm", "numpy")
EARLIER = {"stem": "patch", "mlp_ratio": 4.0}
"""settings that older records do not name, with the one value they had then"""
FINGERPRINT = "fingerprint"
"""the recipe that records name for runs with the settings which the paper leaves open (`training/fingerprint.py`)"""
OF_THE_PAPER = ("paper", "paper-short")
"""recipes of the paper's likely settings: one of the combinations that a fingerprint tries"""
ABLATION = "-ablation"
"""what stands behind the recipe's name in records of runs with one of its settings changed (`training/ablation.py`)"""
STUDIES = (FINGERPRINT, ABLATION)
SHAPE = ("width", "heads", "mlp_ratio", "tokens", "stem", "pool")
"""what makes the time of a network, beside its m and n"""


def shape(sizes: Record) -> Record:
    """The `SHAPE` of a network, from a `latency` record or from the sizes it is built with.

    Older latencies leave out the heads, of 64 numbers each but for the digits' four at width 64, and an MLP of ratio 4.
    """
    heads = 4 if sizes["width"] == 64 else sizes["width"] // 64
    known = {**EARLIER, "pool": "cls", "heads": heads, **sizes}
    return {name: known[name] for name in SHAPE}


def environment(*packages: str) -> Record:
    """Hardware, versions (of `packages` too), commit and time (UTC): the conditions that every number travels with."""
    return {
        "hardware": {"cpu": _cpu_name(), "cores": os.cpu_count(), "machine": platform.machine()},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in (*PACKAGES, *packages)}},
        "commit": _commit(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def expect_folder(path: Path) -> None:
    """Refuse, before anything is computed, to write into a folder that cannot be: a file stands in its way."""
    path = Path(path)
    nearest = next(each for each in (path, *path.absolute().parents) if each.exists() or each.is_symlink())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: expected a folder to write into, found a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: expected a folder to write into, found one without the right to")


def expect_file(path: Path) -> None:
    """Refuse, before anything is computed, to write a file that cannot be: a folder is there, or none can be above."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, found a folder")
    expect_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` beside ``path``, flush it to the disk and rename it into place.

    Where ``path`` is a link, into what it points at; a pipe or a device is written as it is.
    """
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Several files as ``write_atomically`` writes one; none is renamed before all are on the disk."""
    written: dict[Path, tuple[Path, Path]] = {}
    try:
        for path, content in contents.items():
            with _named(path):
                target = Path(os.path.realpath(path))
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists() and not target.is_file():
                    target.write_bytes(content)
                    continue
                temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
                written[path] = temporary, target
                with open(temporary, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        for path in written:
            with _named(path):
                os.replace(*written[path])
    finally:
        for temporary, _ in written.values():
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what processes killed inside ``write_atomically`` left in ``folder``; nobody else may be writing there."""
    for leftover in Path(folder).glob(".*.[0-9]*.tmp"):  # with the number of the process, as it names them
        leftover.unlink()


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Replace the record file at ``path`` by ``records``."""
    write_atomically(path, "".join(json.dumps(record) + "\n" for record in records).encode())


def append_record(path: Path, record: Record) -> None:
    """Add one line to the record file at ``path``, on the disk when this returns; a line cut off by a kill goes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _named(path), open(path, "a+b") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)  # or half of another's line looks cut off, and goes
        file.seek(0)
        content = file.read()
        if (whole := content.rfind(b"\n") + 1) < len(content):
            file.truncate(whole)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_records(path: Path) -> list[Record]:
    """All records of one file; a last line cut off by a killed process is dropped, any other bad line refused."""
    lines = Path(path).read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines[:-1], start=1):  # a whole file ends with a newline, so the last piece is empty
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # not JSON, not text, or nested too deep
            record = None
        if not isinstance(record, dict):
            raise InputError(f"{path}: line {number} is not a record; expected a JSON object on every line")
        records.append(record)
    return records


def find_records(roots: Iterable[Path]) -> Iterator[tuple[Path, list[Record]]]:
    """Every record file (``*.jsonl``) at or below ``roots``, in sorted order, with its records."""
    for root in roots:
        root = Path(root)
        if not root.exists():
            raise InputError(f"{root}: no such file or folder; expected a run, a record file or a folder of them")
        for path in [root] if root.is_file() else sorted(root.rglob("*.jsonl")):
            yield path, read_records(path)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of the system names the file: a full disk does not say which one had no room."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


@cache
def _commit() -> str:
    """The commit of the source tree this package runs from, ``+`` where its files differ; as the process began."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        tracked = [*git, "ls-files", "--error-unmatch", Path(__file__).name]  # not somebody else's repository around us
        subprocess.run(tracked, capture_output=True, check=True)
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "."], capture_output=True).returncode
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty else "")

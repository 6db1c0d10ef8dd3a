"""A record file survives what happens to files: killed writers, failed writes, other people's bytes."""

import fcntl
import getpass
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former import records
from para_former.errors import InputError
from para_former.records import (
    append_record,
    environment,
    find_records,
    read_records,
    remove_leftovers,
    shape,
    write_atomically,
    write_records,
    write_together,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
some_records = st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=4)


def make_file(content: bytes) -> Path:
    path = Path(tempfile.mkdtemp(dir=Path.cwd())) / "record.jsonl"
    path.write_bytes(content)
    return path


@given(some_records)
@settings(max_examples=50)
def test_what_is_written_is_read(expected):
    path = make_file(b"old")
    write_records(path, expected)
    assert read_records(path) == expected


@given(some_records, some_records)
@settings(max_examples=25)
def test_appended_records_follow_the_others(first, second):
    path = make_file(b"")
    write_records(path, first)
    for record in second:
        append_record(path, record)
    assert read_records(path) == first + second


@given(some_records.filter(bool), st.data())
@settings(max_examples=50)
def test_a_last_line_cut_off_anywhere_is_dropped(whole, data):
    lines = "".join(json.dumps(record) + "\n" for record in whole).encode()
    last = len(json.dumps(whole[-1])) + 1
    kept = data.draw(st.integers(1, last), label="bytes missing")
    assert read_records(make_file(lines[: len(lines) - kept])) == whole[:-1]


@given(some_records.filter(bool), st.data())
@settings(max_examples=50)
def test_appending_after_a_cut_off_line_loses_no_other_record(whole, data):
    lines = "".join(json.dumps(record) + "\n" for record in whole).encode()
    missing = data.draw(st.integers(1, len(json.dumps(whole[-1])) + 1), label="bytes missing")
    path = make_file(lines[: len(lines) - missing])
    append_record(path, {"kind": "new"})
    assert read_records(path) == [*whole[:-1], {"kind": "new"}]


@pytest.mark.parametrize(
    "bad",
    [b"{", b"word", b"", b'{"kind": "epoch"', b"7", b'["kind"]'],
    ids=["brace", "word", "empty", "cut", "number", "list"],
)
def test_a_bad_line_before_the_last_is_refused_by_its_number(bad):
    path = make_file(b'{"kind": "run"}\n' + bad + b'\n{"kind": "test"}\n')
    with pytest.raises(InputError, match=r"record\.jsonl: line 2"):
        read_records(path)


def test_bytes_that_are_no_text_are_refused_by_name():
    path = make_file(bytes(range(128, 256)) + b"\n")
    with pytest.raises(InputError, match=r"record\.jsonl"):
        read_records(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "record.jsonl"
    path.write_bytes(b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device: .*record.jsonl"):
        write_atomically(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["record.jsonl"]
    assert path.read_bytes() == b"old"


def test_a_write_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "deep" / "er" / "record.jsonl"
    for content in (b"old", b"new"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["record.jsonl"]


def test_several_files_are_all_replaced_or_none(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    write_together({first: b"old", second: b"old"})
    flushed = []

    def fail(descriptor):
        flushed.append(descriptor)
        if len(flushed) == 2:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left on device: .*second"):
        patch.setattr(records.os, "fsync", fail)
        write_together({first: b"new", second: b"new"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["first", "second"]
    assert first.read_bytes() == second.read_bytes() == b"old"
    write_together({first: b"new", second: b"new"})
    assert first.read_bytes() == second.read_bytes() == b"new"


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path):
    link, target, pipe = (tmp_path / name for name in ("link", "target", "pipe"))
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write_atomically(pipe, b"new")
        assert reader.communicate()[0] == b"new"
    assert pipe.is_fifo()


def test_a_reader_keeps_the_whole_old_file_while_it_is_replaced(tmp_path):
    path = tmp_path / "record.jsonl"
    write_atomically(path, b"old" * 100_000)
    with open(path, "rb") as reader:
        start = reader.read(10)
        write_atomically(path, b"new" * 100_000)
        assert start + reader.read() == b"old" * 100_000


def test_records_are_found_in_files_and_in_folders_in_sorted_order(tmp_path):
    for name in ("b/2.jsonl", "a/1.jsonl", "b/c/3.jsonl", "b/ignored.json"):
        write_records(tmp_path / name, [{"name": name}])
    found = list(find_records([tmp_path / "a/1.jsonl", tmp_path / "b"]))
    assert [path.relative_to(tmp_path).as_posix() for path, _ in found] == ["a/1.jsonl", "b/2.jsonl", "b/c/3.jsonl"]
    assert all(lines == [{"name": path.relative_to(tmp_path).as_posix()}] for path, lines in found)


def test_a_root_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        list(find_records([tmp_path / "nowhere"]))


def test_environment_names_hardware_and_versions_but_no_place_or_person():
    stamp = environment()
    assert stamp["hardware"]["cores"] == os.cpu_count()
    assert stamp["versions"]["python"] == platform.python_version()
    assert set(records.PACKAGES) <= stamp["versions"].keys()
    text = json.dumps(stamp)
    private = [Path.home(), Path.cwd(), sys.prefix, tempfile.gettempdir(), Path(records.__file__).parent]
    assert not [place for place in private if len(str(place)) > 1 and str(place) in text]
    words = text.replace('"', " ").split()
    assert platform.node() not in words and getpass.getuser() not in words


def test_a_commit_of_somebody_elses_repository_is_not_ours(tmp_path):
    """Installed into an environment inside a user's repository, the package must not claim the user's commit."""
    package = copy_without_torch(tmp_path / ".venv")
    (tmp_path / ".gitignore").write_text(".venv\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # as hooks set them
    for command in (["init", "-q"], ["add", ".gitignore"], ["commit", "-q", "-m", "theirs"]):
        subprocess.run([*git, *command], cwd=tmp_path, env=elsewhere, check=True, capture_output=True)
    assert run_isolated(package.parent, "print(records.environment()['commit'])") == "unknown"


def test_records_need_no_torch(tmp_path):
    package = copy_without_torch(tmp_path)
    assert run_isolated(package.parent, "records.environment(); print('torch' in sys.modules)") == "False"


def copy_without_torch(folder: Path) -> Path:
    """The package reduced to records.py and errors.py, since ``import para_former`` itself imports torch."""
    package = folder / "para_former"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("records.py", "errors.py"):
        shutil.copy(Path(records.__file__).with_name(name), package / name)
    return package


def run_isolated(folder: Path, code: str) -> str:
    """What ``code`` prints, with para_former taken from ``folder``."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from para_former import records; {code}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return result.stdout.strip()


def test_leftovers_of_killed_writers_go_and_nothing_else(tmp_path):
    kept = [".hidden", ".important.tmp", "notes.tmp", "record.jsonl"]
    for name in (".record.jsonl.123.tmp", *kept):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_commit_is_that_of_the_package_and_says_where_files_differ_from_it(tmp_path):
    package, results = copy_without_torch(tmp_path / "source"), tmp_path / "record.jsonl"
    results.touch()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "ours"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True).stdout[:12]
    results.write_text("a record, which is no source")
    change = f"open({str(package / 'errors.py')!r}, 'a').write('# later'); "
    show = "print(records.environment()['commit']); "
    assert run_isolated(package.parent, show + change + show) == f"{head}\n{head}"  # what the process runs
    assert run_isolated(package.parent, show) == head + "+"


def test_an_appended_record_is_on_the_disk_or_an_error(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left on device: .*record.jsonl"):
        append_record(tmp_path / "record.jsonl", {"kind": "epoch"})


def test_heads_that_a_record_leaves_out_have_64_numbers_each():
    assert [shape({"width": width, "tokens": 65})["heads"] for width in (64, 192, 768)] == [4, 3, 12]


def test_an_append_waits_for_that_of_another(tmp_path):
    """Half of its line would look like what a kill has left, and go."""
    path = tmp_path / "record.jsonl"
    with open(path, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b'{"kind": "oth')
        other.flush()
        waiting = threading.Thread(target=append_record, args=(path, {"kind": "own"}))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        other.write(b'er"}\n')
    waiting.join()
    assert [record["kind"] for record in read_records(path)] == ["other", "own"]


def test_a_line_that_is_nested_too_deep_is_no_record(tmp_path):
    path = make_file(b"[" * 100_000 + b"\n")
    with pytest.raises(InputError, match="line 1 is not a record"):
        read_records(path)

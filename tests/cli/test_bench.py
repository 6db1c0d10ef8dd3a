"""`para-former bench` prints a line a point, keeps records, goes on where it stopped, and writes the report."""

import json
import re
from pathlib import Path

import pytest
import torch

from para_former.bench.contenders import CONTENDERS, Contender
from para_former.bench.points import Point
from para_former.bench.suites import SUITES
from para_former.cli.bench import row
from para_former.records import read_records

RECORDS = Path("runs/bench/bench-quick.jsonl")


def fail(task):
    raise RuntimeError("no such luck")


@pytest.fixture(autouse=True)
def tiny_suite(monkeypatch):
    names = ("serial", "stacked", "broken")
    points = [Point(layers=4, width=64, image_size=8, batch=batch, contenders=names) for batch in (1, 2)]
    monkeypatch.setitem(CONTENDERS, "broken", Contender(fail, None))
    monkeypatch.setitem(SUITES, "quick", lambda: points)
    monkeypatch.setitem(SUITES, "gpu", lambda: points)


@pytest.fixture
def bench(run):
    return lambda *arguments: run("bench", "--seconds-per-point=0", *arguments)


def test_bench_prints_records_and_reports(bench):
    code, out, err = bench()
    assert (code, err) == (0, "")
    records = read_records(RECORDS)
    assert [record["batch"] for record in records] == [1, 2]
    for record in records:
        assert row(record) in out
    assert out.count("not measured: broken: RuntimeError: no such luck") == 1
    assert "records: runs/bench/bench-quick.jsonl" in out and "report: runs/bench/report.html" in out
    assert Path("runs/bench/report.html").exists()


def test_a_row_shows_times_ratio_and_error(bench):
    bench()
    record = read_records(RECORDS)[0]
    serial, stacked = record["contenders"]
    shown = row(record)
    assert re.match(r"1-4 +cls +inference +float32 +64 +1 +5 +serial ", shown)
    for value in (f"{serial['ms']['median']:.3f}", f"stacked {stacked['ms']['median']:.3f}"):
        assert value in shown
    assert "{median:.2f} ({q1:.2f} to {q3:.2f})".format(**stacked["ratio"]) in shown
    slow = [{**each, "ms": {**each["ms"], "median": 12345.678}} for each in (serial, stacked)]
    assert "serial 12345.678 " in row({**record, "contenders": [slow[0], {**slow[1], "name": "prepared"}]})
    assert row({**record, "contenders": []}).count("–") == 4
    assert row({**record, "contenders": [{**stacked, "ratio": None}]}).count("–") == 2


def test_bench_goes_on_where_it_stopped(bench):
    bench()
    first = RECORDS.read_bytes()
    RECORDS.write_bytes(first[: first.index(b"\n") + 20])  # one whole line, and a part of the second
    code, out, _ = bench("--json")
    result = json.loads(out)
    assert code == 0 and result["points"] == read_records(RECORDS)
    assert (result["suite"], result["records"]) == ("quick", str(RECORDS))
    assert RECORDS.read_bytes().startswith(first[: first.index(b"\n") + 1])


def test_bench_takes_threads_and_a_folder(bench):
    before = torch.get_num_threads()
    try:
        assert bench("--threads=2", "--output=mine").code == 0
    finally:
        torch.set_num_threads(before)
    assert {record["threads"] for record in read_records(Path("mine/bench-quick.jsonl"))} == {2}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("arguments", [["--suite=gpu"], ["--suite=gpu", "--device=cpu"]])
def test_without_a_gpu_its_suite_says_so_and_how_to_run_it(bench, files, arguments):
    before = files()
    code, out, err = bench(*arguments)
    assert (code, err) == (0, "") and files() == before
    assert out.startswith("not measured: no CUDA device") and "para-former bench" in out and "--suite=gpu" in out
    assert json.loads(bench(*arguments, "--json").out)["not_measured"] == "no CUDA device"


@pytest.mark.parametrize(
    "argument", ["--threads=0", "--suite=all", "--device=tpu", "--seconds-per-point=-1", "--seconds-per-point=nan"]
)
def test_bad_arguments_are_told_in_one_line(run, argument):
    code, out, err = run("bench", argument)
    assert (code, out) == (2, "") and err.count("\n") == 1


def test_bench_takes_the_seconds_of_a_point(run, monkeypatch):
    """With none a point has its three rounds."""
    monkeypatch.setitem(SUITES, "quick", lambda: [Point(layers=2, width=64, image_size=8)])
    assert run("bench", "--seconds-per-point=0").code == 0
    assert [record["rounds"] for record in read_records(Path("runs/bench/bench-quick.jsonl"))] == [3]


def test_a_row_shows_prepared_before_stacked():
    setting = {**Point(layers=4, width=64, image_size=8).setting, "baseline": "serial"}
    each = {"relative_error": 0.0, "ratio": {"q1": 1.0, "median": 1.0, "q3": 1.0}}
    times = {"serial": 3.0, "stacked": 2.0, "prepared": 1.0}
    contenders = [{**each, "name": name, "ms": {"median": time}} for name, time in times.items()]
    assert "prepared 1.000" in row({**setting, "contenders": contenders})

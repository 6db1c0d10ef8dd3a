"""`para-former plan` on constants from a file: a clock has no say."""

import json

import pytest
import torch

from para_former.cli import plan
from para_former.execution.device import read_constants, write_constants
from para_former.execution.planner import fit
from para_former.models import ModelConfig
from tests.execution.constants import CPU, GPU


@pytest.fixture
def constants(tmp_path):
    write_constants(tmp_path / "device.json", CPU)
    return "--constants=device.json"


def test_the_table_shows_what_fits_with_its_time_limit_and_serial_time(run, constants):
    code, out, err = run("plan", "--budget-ms=5", constants)
    assert (code, err) == (0, "")
    assert "made up" in out and "65 tokens" in out and "predicted, not measured" in out
    assert "para-former reproduce" in out  # where accuracy is to be found
    rows = [line.split() for line in out.splitlines() if line.lstrip()[:1].isdigit() and "-" in line.split()[0]]
    expected = fit(5.0, ModelConfig(depth=1, layers=1), CPU)
    assert [row[0] for row in rows] == [f"{c.config.depth}-{c.config.layers}" for c in expected]
    assert all(row[3] == c.prepared.limit for row, c in zip(rows, expected, strict=True))
    assert all(float(row[2]) <= 5 for row in rows)


def test_json_has_the_numbers_behind_the_table(run, constants):
    code, out, _ = run(
        "plan", "--budget-ms=20", constants, "--json", "--width=96", "--batch=4", "--pool=mean", "--image-size=64"
    )
    result = json.loads(out)
    sizes = ModelConfig(depth=1, layers=1, width=96, pool="mean", image_size=64)
    expected = fit(20.0, sizes, CPU, batch=4)
    assert code == 0 and result["sizes"]["tokens"] == 256 and result["batch"] == 4
    assert [c["ms"] for c in result["candidates"]] == [c.prepared.ms for c in expected]
    assert [c["serial_ms"] for c in result["candidates"]] == [c.serial.ms for c in expected]
    for candidate in result["candidates"]:
        assert sum(candidate["causes_ms"].values()) == pytest.approx(candidate["ms"])
        assert max(candidate["causes_ms"], key=candidate["causes_ms"].get) == candidate["limit"]


def test_if_nothing_fits_it_says_what_is_fastest(run, constants):
    code, out, err = run("plan", "--budget-ms=0.001", constants)
    assert (code, err) == (0, "")
    assert "no network fits 0.001 ms" in out and "1-1" in out and "launches" in out
    result = json.loads(run("plan", "--budget-ms=0.001", constants, "--json").out)
    assert result["candidates"] == [] and result["fastest"]["ms"] > 0.001


def test_constants_are_measured_once_and_written_where_the_file_is_missing(run, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(plan, "measure_device", lambda place, threads, dtype: asked.append((place.type, dtype)) or CPU)
    first = run("plan", "--budget-ms=5", "--device=cpu", "--constants=new.json")
    assert read_constants(tmp_path / "new.json") == CPU
    assert run("plan", "--budget-ms=5", "--device=cpu", "--constants=new.json").out == first.out
    assert len(asked) == 1 and asked[0][0] == "cpu"
    run("plan", "--budget-ms=5", "--device=cpu")
    assert len(asked) == 2


def test_a_busy_machine_is_told_where_constants_are_measured_and_only_there(run, constants, monkeypatch):
    monkeypatch.setattr(plan, "measure_device", lambda place, threads, dtype: CPU)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for load, told in ((0.0, False), (2.4, False), (2.6, True)):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, 9.0, 9.0))
        assert ("(load 2.6 on 4 cores" in run("plan", "--budget-ms=5", "--device=cpu").out) == told
    assert "load" not in run("plan", "--budget-ms=5", constants).out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("", ["--budget-ms"]),
        ("--budget-ms=soon", ["--budget-ms", "soon"]),
        ("--budget-ms=0", ["budget_ms: expected a number above 0, found 0"]),
        ("--budget-ms=nan", ["budget_ms: expected a number above 0, found nan"]),
        ("--budget-ms=inf", ["budget_ms: expected a number above 0, found inf"]),
        ("--budget-ms=5 --width=100", ["width: expected a multiple of heads 3, found 100"]),
        ("--budget-ms=5 --batch=0", ["batch: expected at least 1, found 0"]),
        ("--budget-ms=5 --patch-size=5", ["image_size: expected a multiple of patch_size 5, found 32"]),
        ("--budget-ms=5 --dtype=int8", ["--dtype", "int8"]),
        ("--budget-ms=5 --constants=broken.json", ["broken.json: no device constants there"]),
        ("--budget-ms=5 --constants=gpu.json", ["gpu.json: expected constants for float32, found bfloat16"]),
        ("--budget-ms=5 --device=cpu --dtype=bfloat16 --constants=gpu.json", ["gpu.json: expected constants for cpu"]),
        ("--budget-ms=5 --device=abacus --constants=new.json", ["device: expected", "cannot compute on 'abacus'"]),
    ],
)
def test_bad_input_is_told_in_one_line(run, arguments, named, constants, tmp_path, files):
    (tmp_path / "broken.json").write_text('{"name": "x"}')
    write_constants(tmp_path / "gpu.json", GPU)
    before = files()
    given = arguments if "--constants" in arguments else f"{arguments} {constants}"
    code, out, err = run("plan", *given.split())
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert all(words in err for words in named)
    assert files() == before


def test_plan_takes_every_size_of_a_network(run, tmp_path):
    write_constants(tmp_path / "device.json", CPU)
    sizes = {
        "width": 96,
        "heads": 2,
        "image_size": 64,
        "patch_size": 8,
        "stem": "conv",
        "pool": "mean",
        "num_classes": 7,
    }
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in sizes.items()]
    result = json.loads(run("plan", "--budget-ms=20", "--constants=device.json", *flags, "--json").out)
    expected = fit(20.0, ModelConfig(depth=1, layers=1, **sizes), CPU)
    assert result["sizes"].items() >= sizes.items()
    assert [each["ms"] for each in result["candidates"]] == [each.prepared.ms for each in expected] != []


def test_plan_sets_the_serial_time_and_the_speed_up_beside_each_network(run, tmp_path):
    write_constants(tmp_path / "device.json", CPU)
    out = run("plan", "--budget-ms=5", "--constants=device.json").out
    rows = [line.split() for line in out.splitlines() if line.lstrip()[:1].isdigit() and "-" in line.split()[0]]
    expected = fit(5.0, ModelConfig(depth=1, layers=1), CPU)
    assert [float(row[4]) for row in rows] == pytest.approx([each.serial.ms for each in expected], rel=0.01)
    speedups = [each.serial.ms / each.prepared.ms for each in expected]
    assert [float(row[5]) for row in rows] == pytest.approx(speedups, rel=0.01)


def test_constants_are_measured_on_the_threads_and_in_the_number_format_that_are_asked_for(run, monkeypatch):
    asked = []
    monkeypatch.setattr(plan, "measure_device", lambda place, threads, dtype: asked.append((threads, dtype)) or CPU)
    run("plan", "--budget-ms=5", "--device=cpu", "--dtype=bfloat16")
    assert asked == [(torch.get_num_threads(), torch.bfloat16)]

"""Constants of a device: to a file and back, refused when broken, measured on this machine."""

import json
from dataclasses import asdict

import pytest
import torch

from para_former.errors import InputError
from para_former.execution import calibration
from para_former.execution.device import DeviceConstants, read_constants, seconds_per_operation, write_constants
from tests.execution.constants import CPU, GPU


@pytest.mark.parametrize("constants", [CPU, GPU])
def test_constants_come_back_from_a_file_as_they_were(constants, tmp_path):
    write_constants(tmp_path / "device.json", constants)
    assert read_constants(tmp_path / "device.json") == constants


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("memory_rate"), "at odds: memory_rate"),
        (lambda values: values.update(colour="red"), "at odds: colour"),
        (lambda values: values.update(launch_cost=0), "above 0"),
        (lambda values: values.update(single_rate=[]), "above 0"),
        (lambda values: values.update(memory_rate=float("nan")), "above 0"),
        (lambda values: values.update(single_rate=[[1, float("nan")]]), "above 0"),
        (lambda values: values.update(cache_rate=float("inf")), "finite"),
        (lambda values: values.update(lanes=float("inf")), "expected numbers"),
        (lambda values: values.update(batched_rate=[[64, 2e9], [1, 1e9]]), r"batched_rate: .* ascending .* \[64, 1\]"),
        (lambda values: values.update(batched_rate=[1, 2]), "expected numbers"),
        (lambda values: values.update(cache_rate="fast"), "expected numbers"),
        (lambda values: values.update(kind="tpu"), "kind: expected cpu or cuda, found 'tpu'"),
        (lambda values: values.update(dtype="int8"), "dtype: expected .*, found 'int8'"),
    ],
)
def test_broken_constants_are_refused_by_name(change, message, tmp_path):
    values = asdict(CPU)
    change(values)
    with pytest.raises(InputError, match=message):
        DeviceConstants.from_dict(values)
    (tmp_path / "device.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"device\.json: no device constants there: .*"):
        read_constants(tmp_path / "device.json")


@pytest.mark.parametrize("content", [None, "{", "[]", "\x00"])
def test_a_file_without_constants_is_refused_by_name(content, tmp_path):
    if content is not None:
        (tmp_path / "device.json").write_text(content)
    with pytest.raises(InputError, match=r"device\.json: no device constants there"):
        read_constants(tmp_path / "device.json")


def test_time_is_interpolated_between_measured_sizes_and_the_rate_kept_beyond():
    curve = ((1, 10.0), (4, 20.0), (16, 40.0))
    assert 1 * seconds_per_operation(curve, 1) == pytest.approx(0.1)
    assert 4 * seconds_per_operation(curve, 4) == pytest.approx(0.2)
    assert 10 * seconds_per_operation(curve, 10) == pytest.approx(0.3)  # halfway from 0.2 s to 0.4 s
    assert seconds_per_operation(curve, 99) == pytest.approx(1 / 40)


def test_measured_constants_are_positive_and_name_their_conditions(monkeypatch, tmp_path):
    """The shortest of measurements: what the numbers are is no test's business."""
    monkeypatch.setattr(calibration, "ROUNDS", 1)
    monkeypatch.setattr(calibration, "BUDGET", 0.0)
    measured = calibration.measure_device.__wrapped__(torch.device("cpu"), torch.get_num_threads(), torch.float32)
    assert (measured.kind, measured.dtype, measured.lanes) == ("cpu", "float32", torch.get_num_threads())
    assert [rows for rows, _ in measured.batched_rate] == [rows for rows, _ in measured.single_rate]
    assert DeviceConstants.from_dict(json.loads(json.dumps(asdict(measured)))) == measured


def test_the_middle_of_rounds_is_taken_value_by_value():
    assert calibration._middle([3.0, 1.0, 2.0]) == 2.0
    curves = [((1, 5.0), (2, 9.0)), ((1, 6.0), (2, 0.1)), ((1, 7.0), (2, 8.0))]
    assert calibration._middle(curves) == ((1, 6.0), (2, 8.0))

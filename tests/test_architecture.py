"""The shape of the source: imports flow one way, files are short, nothing is left undone, public names stay."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import para_former as pf

ROOT = Path(__file__).parents[1]
PACKAGE = Path(pf.__file__).parent
LONGEST = 300  # lines
PUBLIC = {
    "InputError",
    "ModelConfig",
    "ParaFormer",
    "create_model",
    "load",
    "prepare",
    "reference",
    "save",
}


def sources():
    return sorted(PACKAGE.rglob("*.py"))


def check_contract(folder):
    """import-linter's verdict on the package in `folder`: exit code and text."""
    code = "from importlinter.cli import lint_imports_command as check; check()"  # the package beside it comes first
    command = [sys.executable, "-c", code, "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    return result.returncode, result.stdout + result.stderr


def test_imports_flow_one_way():
    code, text = check_contract(PACKAGE.parent)
    assert code == 0 and "1 kept, 0 broken" in text, text


def test_the_check_of_imports_can_fail(tmp_path):
    """A copy of the package with one import against the current is refused, and the message names it."""
    shutil.copytree(PACKAGE, tmp_path / "para_former", ignore=shutil.ignore_patterns("__pycache__"))
    config = tmp_path / "para_former/models/config.py"
    config.write_text(config.read_text() + "\nfrom para_former.execution import reference\n")
    code, text = check_contract(tmp_path)
    assert code == 1 and "0 kept, 1 broken" in text, text
    assert "para_former.models.config -> para_former.execution" in text


def test_the_check_of_imports_knows_every_package(tmp_path):
    """A new package must be given its place before it passes."""
    shutil.copytree(PACKAGE, tmp_path / "para_former", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "para_former/drawer").mkdir()
    (tmp_path / "para_former/drawer/__init__.py").touch()
    code, text = check_contract(tmp_path)
    assert code == 1 and "drawer" in text, text


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_file_is_short_and_finished(path):
    text = path.read_text()
    assert len(text.splitlines()) < LONGEST
    assert not re.findall(r"TODO|FIXME|XXX|NotImplementedError", text)
    assert text == "" or text.lstrip("r").startswith('"""'), "a file opens with what it is for"


def test_public_names_are_there_and_no_others():
    assert set(pf.__all__) >= PUBLIC | {"theory"}
    assert {"decompose", "degrees_of_freedom"} <= set(pf.theory.__all__)
    assert all(getattr(pf, name).__module__.startswith("para_former.") for name in PUBLIC)
    visible = {name for name, value in vars(pf).items() if not (name.startswith("_") or isinstance(value, ModuleType))}
    assert visible == set(pf.__all__) - {"theory"}


def test_names_work_together_as_the_design_says(tmp_path):
    model = pf.create_model("para_former_2_4", num_classes=10, image_size=8, width=16, heads=2).eval()
    assert isinstance(model, pf.ParaFormer) and isinstance(model.config, pf.ModelConfig)
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(model(images), pf.reference(model, images), rtol=1e-5, atol=1e-5)
    pf.save(model, tmp_path / "x")
    torch.testing.assert_close(pf.load(tmp_path / "x")(images), model(images), rtol=0, atol=0)
    assert issubclass(pf.InputError, ValueError)

"""The README's Python runs and prints what the README says; its commands exist."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from para_former.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_example_prints_what_stands_below_it():
    code, printed = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.S).groups()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_every_command_is_shown_and_every_shown_command_exists():
    assert set(re.findall(r"^para-former (\w+)", README, re.M)) == set(COMMANDS)


def test_every_file_it_names_is_there():
    for name in re.findall(r"`((?:docs|results|models|execution|training)/[\w./]*|[\w]+\.(?:py|cff))`", README):
        assert (ROOT / name).exists() or (ROOT / "src/para_former" / name).exists(), name


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted(ROOT.glob("docs/*.md")))])
def test_links_and_pictures_are_there(page):
    for link in re.findall(r"(?<=\]\()[^)#]+|(?<=src=\")[^\"]+", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(unquote(link)).exists(), link

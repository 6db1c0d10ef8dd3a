"""`--help` of every command names every option, what it is for and its default."""

import importlib
import re
from dataclasses import MISSING, fields, is_dataclass

import pytest

from para_former.cli.main import COMMANDS
from para_former.data import SPECS
from para_former.training.recipes import FINETUNE, RECIPES, get_recipe


def words(text):
    """The text without boxes and line breaks."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


def flags_of(options):
    """(name, value as help shows it) of every field, those of a nested dataclass in its place."""
    for field in fields(options):
        value = getattr(options, field.name)
        if is_dataclass(value):
            yield from flags_of(value)
        else:
            yield field.name, " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_option_with_its_default(run, command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    if command == "train":
        return  # its defaults are the recipe's, below
    for field in fields(importlib.import_module(f"para_former.cli.{command}").Options):
        if field.default is MISSING:
            continue
        assert f"--{field.name.replace('_', '-')}" in out
        assert f"(default: {field.default})" in words(out), field.name


@pytest.mark.parametrize("dataset", SPECS)
def test_help_of_train_shows_the_defaults_of_the_recipe_for_the_data_set(run, dataset):
    code, out, _ = run("train", "--dataset", dataset, "--help")
    assert code == 0
    shown = words(out)
    for name, value in flags_of(get_recipe("basic", dataset)):
        flag = f"--{name.replace('_', '-')}"
        assert re.search(rf"{flag}[ ,].*?\(default: {re.escape(value)}\)", shown), name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(run, command):
    """No option is followed at once by its default: some words stand between."""
    shown = words(run(command, "--help").out)
    assert not re.search(r"--[a-z-]+ (\{[^}]*\}\|?)?[A-Z]* ?\(default", shown)


@pytest.mark.parametrize("flag", ["--json", "--debug"])
def test_help_wins_over_the_flags_of_every_command(run, flag):
    assert run(flag, "--help").out == run("--help").out


@pytest.mark.parametrize("command", ["train", "reproduce"])
def test_help_names_every_recipe(run, command):
    listed = re.search(r"--recipe STR (.*?) --", words(run(command, "--help").out)).group(1)
    assert set(RECIPES) - set(re.findall(r"[a-z][a-z-]+", listed)) <= ({FINETUNE} if command == "reproduce" else set())

"""`para-former train`: one network on one data set."""

import argparse
import shlex

from rich.console import Console

from para_former.cli.parsing import parse
from para_former.cli.stopping import stoppable
from para_former.records import Record, read_records
from para_former.training.config import TrainConfig
from para_former.training.loop import train
from para_former.training.recipes import get_recipe, with_model
from para_former.training.run import RECORD_FILE


def run(arguments: list[str], console: Console) -> Record:
    config = parse(TrainConfig, arguments, "train", default=recipe_of(arguments))

    def command() -> str:
        begun = not config.resume and (config.folder() / RECORD_FILE).exists()
        return f"para-former train {shlex.join([*arguments, *(['--resume'] if begun else [])])}"

    with stoppable(command):
        folder = train(config, console)
    console.print(f"run in {folder}; see it by: para-former report {folder}")
    return {"run": str(folder), "test": read_records(folder / RECORD_FILE)[-1]}


def recipe_of(arguments: list[str]) -> TrainConfig:
    """The recipe that --recipe, --dataset and --model name: it holds the defaults of all other flags."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--dataset", nargs="?")
    first.add_argument("--recipe", nargs="?")
    first.add_argument("--model", nargs="?")
    known, _ = first.parse_known_args(arguments)
    recipe = get_recipe(known.recipe or "basic", known.dataset or "cifar10")
    return with_model(recipe, known.model or recipe.model)

"""The tables of a report on a terminal."""

import io

from rich.console import Console

from para_former.records import write_records
from para_former.reports.console import print_tables
from tests.reports import helpers
from tests.reports.test_data_effect import run_on


def shown(tmp_path, files):
    for path, lines in files.items():
        write_records(tmp_path / path, lines)
    output = io.StringIO()
    print_tables([tmp_path], Console(file=output, width=160))
    return output.getvalue()


def test_on_a_terminal_too_runs_on_part_of_the_images_are_a_table_of_their_own(tmp_path):
    text = shown(tmp_path, {f"{n}.jsonl": run_on(n, 50 + n / 1000) for n in (1000, 2000, 5000, 47500)})
    titles = [line.strip() for line in text.splitlines() if "recipe basic" in line]
    assert titles[0] == "CIFAR-10, recipe basic, 3 epochs" and titles[1].endswith("3 epochs, by training images")
    assert text.count("train_images") == 0


def test_on_a_terminal_too_a_mean_has_its_spread(tmp_path):
    text = shown(tmp_path, {f"{seed}.jsonl": helpers.training(top1=60.0 + seed, seed=seed) for seed in (0, 1)})
    assert "60.50 ± 0.71" in text

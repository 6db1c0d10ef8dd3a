"""What the first lines of a record say about a run: what was left out, and how it was compiled."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from para_former.data import load_dataset
from para_former.errors import InputError
from para_former.models import ParaFormer
from para_former.training.datasets import dataset_of, load_data
from para_former.training.deadline import Deadline
from para_former.training.recipes import get_recipe
from para_former.training.run import resume_record, run_line, start_record
from tests.training.helpers import lines_of, tiny_run, train_quietly


@pytest.fixture
def broken(tmp_path):
    """A run on a folder of 40 pictures, of which one is none."""
    for number in range(40):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(exist_ok=True, parents=True)
        Image.new("L", (8, 8), 6 * number).save(folder / f"{number}.png")
    (tmp_path / "pictures" / "a" / "0.png").write_text("no picture")
    dataset = f"folder:{tmp_path / 'pictures'}"
    return tiny_run(dataset=dataset, image_size=8, batch_size=8, epochs=2, skip_corrupt=True)


def test_a_run_leaves_out_what_cannot_be_read_and_its_record_names_it(broken):
    with pytest.raises(InputError, match="1 of .* pictures cannot be read"):
        load_data(replace(broken, skip_corrupt=False))
    line = run_line(train_quietly(broken, deadline=Deadline(1e-9)))
    assert line["skipped"] == ["a/0.png"]
    assert dataset_of(line, None).skipped == ("a/0.png",)
    train_quietly(replace(broken, resume=True))


def test_the_record_of_a_compiled_run_says_so():
    config, dataset = tiny_run(compile=True), load_dataset("digits")
    start_record(config, dataset, ParaFormer(config.network(dataset.spec)), torch.device("cpu"), None)
    resume_record(config, torch.device("cpu"), 0)
    assert [line["compile"] for line in lines_of(Path("run"))] == [True, True]


def test_the_record_of_a_run_names_what_is_not_the_recipes():
    config, dataset = replace(get_recipe("basic", "digits"), lr=0.5, output=Path("run")), load_dataset("digits")
    start_record(config, dataset, ParaFormer(config.network(dataset.spec)), torch.device("cpu"), None)
    assert run_line(Path("run"))["changed"] == ["lr"]

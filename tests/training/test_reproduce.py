"""A table is the list of its missing runs: cells that are done are left alone, cells in the middle go on."""

import contextlib
import io
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from para_former.data import get_spec
from para_former.errors import InputError
from para_former.records import SHAPE, read_records, write_records
from para_former.reports import paper
from para_former.training.ablation import CHANGES
from para_former.training.checkpoint import CHECKPOINT_FILE
from para_former.training.fingerprint import RANDAUGMENT, RESIDUALS, SCHEDULES, SIZES
from para_former.training.recipes import get_recipe
from para_former.training.reproduce import (
    LATENCY_FILE,
    ablation_cells,
    cells,
    cheapest_first,
    data_effect_cells,
    fingerprint_cells,
    reproduce,
)
from para_former.training.run import check_settings, is_finished
from tests.reports.helpers import latency_line
from tests.training.helpers import lines_of, outcome, tiny_run, train_quietly

OUTPUT = Path("table")
TABLE_2, TABLE_3 = [(1, 1), (1, 6), (1, 12), (1, 24)], [(6, 6), (2, 24), (3, 24), (6, 24)]


def run_cells(runs):
    reproduce(runs, OUTPUT, Console(file=io.StringIO()))


def state(folder):
    """Content and time of change of every file below a folder."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_cells_that_would_be_compiled_wrongly_are_refused_before_the_first_is_trained(monkeypatch):
    monkeypatch.setattr("para_former.training.reproduce.pick_device", lambda name: torch.device("cuda"))
    with pytest.raises(InputError, match="compile: expected a CPU"):
        run_cells([tiny_run(output=OUTPUT / "a"), tiny_run(compile=True, output=OUTPUT / "b")])
    assert not OUTPUT.exists()


@pytest.mark.parametrize(("table", "networks"), [("2", TABLE_2), ("3", TABLE_3), ("2+3", TABLE_2 + TABLE_3)])
@pytest.mark.parametrize("seeds", [1, 3])
def test_cells_are_the_networks_of_the_table_with_every_seed(table, networks, seeds):
    runs = cells(table, tiny_run(), seeds, OUTPUT)
    expected = {(f"para_former_{m}_{n}", seed) for m, n in networks for seed in range(seeds)}
    assert {(run.model, run.seed) for run in runs} == expected
    assert len({run.folder() for run in runs}) == len(runs) == len(expected)
    assert all(OUTPUT in run.folder().parents for run in runs)
    same = [replace(run, model="para_former_2_4", seed=0, output=None) for run in runs]
    assert same == [tiny_run(output=None)] * len(runs)


def test_a_network_of_another_size_has_its_size_in_front():
    runs = cells("1-6,small-2-2", get_recipe("basic", "cifar10"), 1, OUTPUT)
    assert [run.model for run in runs] == ["para_former_1_6", "para_former_small_2_2"]
    assert [run.network(get_spec("cifar10")).width for run in runs] == [192, 384]


def test_both_tables_together_are_the_networks_of_the_paper():
    assert list(paper.NETWORKS) == TABLE_2 + TABLE_3


def test_other_epochs_or_another_recipe_never_share_a_folder():
    defaults = [tiny_run(), tiny_run(epochs=4), tiny_run(recipe="other")]
    folders = [run.folder() for each in defaults for run in cells("2", each, 1, OUTPUT)]
    assert len(set(folders)) == len(folders)


def test_a_fingerprint_is_every_combination_once_and_changes_nothing_else():
    runs = fingerprint_cells("1-1,1-2", get_recipe("paper", "cifar10"), 2, OUTPUT)
    combinations = {
        (run.image_size, run.width, run.mlp_ratio, run.residual, run.augment.randaugment_rounds, run.schedule)
        for run in runs
    }
    count = len(SIZES) * len(RESIDUALS) * len(RANDAUGMENT) * len(SCHEDULES)
    assert len(combinations) == count and len(runs) == count * 2 * 2
    assert len({run.folder() for run in runs}) == len(runs)
    sizes = {"image_size": None, "patch_size": 4, "width": None, "heads": None, "mlp_ratio": 4.0}
    rest = {"residual": "standard", "schedule": "constant", "model": "", "seed": 0, "output": None}
    augment = runs[0].augment
    assert len({replace(run, **sizes, **rest, augment=augment) for run in runs}) == 1
    assert {run.recipe for run in runs} == {"fingerprint"}
    for run in runs:
        run.network(get_spec("cifar10", run.image_size))


def test_an_ablation_is_the_recipe_and_one_change_of_it_at_a_time():
    base = get_recipe("shallow", "cifar10")
    runs = ablation_cells("1-1,1-6", base, 2, OUTPUT)
    own = cells("1-1,1-6", base, 2, OUTPUT)
    assert runs[:4] == own and len({run.folder() for run in runs}) == len(runs) == 4 * (1 + len(CHANGES))
    for run in runs[4:]:
        assert run.recipe == "shallow-ablation"
        settings, changed = ({**asdict(one), **asdict(one.augment)} for one in (base, run))
        names = {name for name in settings if settings[name] != changed[name]}
        names -= {"recipe", "output", "model", "seed", "augment"}
        assert len(names) == 1 or run.augment != base.augment


def test_a_change_that_the_recipe_has_already_is_no_cell():
    changes = {
        run.folder().parent.name for run in ablation_cells("1-6", get_recipe("shallow-conv", "cifar10"), 1, OUTPUT)
    }
    assert "conv-stem" not in changes and "own-heads" in changes


@pytest.mark.parametrize(("dataset", "left_out"), [("digits", "own-heads"), ("stl10", "conv-stem")])
def test_a_change_that_no_network_of_these_sizes_can_have_is_no_cell(dataset, left_out):
    runs = ablation_cells("1-6", get_recipe("basic", dataset), 1, OUTPUT)
    assert left_out not in {run.folder().parent.name for run in runs}
    for run in runs:
        run.network(get_spec(dataset, run.image_size))


def test_a_data_effect_is_the_same_cells_once_for_each_number_of_images():
    whole = cells("1-1,2-2", tiny_run(), 2, OUTPUT)
    runs = data_effect_cells("1-1,2-2", tiny_run(), 2, OUTPUT, "500,200,500")
    assert [run.train_images for run in runs] == [500] * 4 + [200] * 4
    for number, run in enumerate(runs):
        place = whole[number % 4].folder()
        assert run.folder() == place.parent / f"images-{run.train_images}" / place.name
        assert replace(run, train_images=None, output=place) == whole[number % 4]


@pytest.mark.parametrize("sizes", ["", "1000,", "1k", "-5", "1e3"])
def test_no_numbers_of_images_are_refused(sizes):
    with pytest.raises(InputError, match="train_images: expected numbers of images such as 1000,2000"):
        data_effect_cells("2", tiny_run(), 1, OUTPUT, sizes)


@pytest.mark.parametrize(("size", "named"), [(1366, "train_images: .*1,365.* 1,366"), (100, "batch_size: .*100.* 128")])
def test_images_that_are_not_there_are_told_before_the_first_run(size, named):
    runs = data_effect_cells("1-1", tiny_run(epochs=1), 1, OUTPUT, f"200,{size}")
    with pytest.raises(InputError, match=named):
        run_cells(runs)
    assert not OUTPUT.exists()


@pytest.mark.parametrize(
    ("table", "seeds", "named"),
    [("4", 1, "'4'"), ("huge-1-1", 1, "'huge-1-1'"), ("2", 0, "seeds.*0"), ("2", -1, "seeds.*-1")],
)
def test_a_table_that_is_not_there_or_no_seeds_are_refused(table, seeds, named):
    with pytest.raises(InputError, match=named):
        cells(table, tiny_run(), seeds, OUTPUT)


def test_the_cheapest_network_comes_first_and_every_network_once_before_any_again():
    """At depth 1 only the class token passes through a module, so that 24 of them cost less than 6 in series."""
    runs = cells("2+3", tiny_run(), 2, OUTPUT)
    networks = ["1_1", "1_6", "1_12", "1_24", "6_6", "2_24", "3_24", "6_24"]
    expected = [(seed, f"para_former_{network}") for seed in (0, 1) for network in networks]
    assert [(run.seed, run.model) for run in cheapest_first(runs[::-1])] == expected
    mean = cells("1-24,6-6", tiny_run(pool="mean"), 1, OUTPUT)
    assert [run.model for run in cheapest_first(mean)] == ["para_former_6_6", "para_former_1_24"]


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        ({}, {"dataset": "cifar10"}),
        ({"epochs": 2}, {}),
        ({"width": 8}, {}),
        ({}, {"image_size": 16}),
        ({"train_images": 100}, {}),
    ],
)
def test_fewer_images_epochs_numbers_and_tokens_are_cheaper(cheap, dear):
    runs = [tiny_run(**cheap), tiny_run(**dear)]
    assert cheapest_first(runs[::-1]) == runs


def test_a_table_is_filled_once_and_a_deleted_cell_again():
    runs = cells("2", tiny_run(epochs=1), 1, OUTPUT)
    run_cells(runs)
    assert all(is_finished(run.folder()) for run in runs)
    latencies = read_records(OUTPUT / "digits" / LATENCY_FILE)
    assert [(line["model"], line["dataset"]) for line in latencies] == [(run.model, "digits") for run in runs]
    finished = state(OUTPUT)
    (runs[0].folder() / CHECKPOINT_FILE).touch()  # as if killed between the test line and the end
    run_cells(runs)
    assert state(OUTPUT) == finished

    lost = runs[1].folder()
    shutil.rmtree(lost)
    run_cells(runs)
    again = state(OUTPUT)
    changed = {path for path in finished if again[path] != finished[path]}
    assert again.keys() == finished.keys()
    assert lost / "record.jsonl" in changed and {path.parent for path in changed} == {lost}
    assert again[lost / "model.safetensors"][0] == finished[lost / "model.safetensors"][0]


@pytest.mark.parametrize("finished", [True, False])
def test_a_cell_of_other_settings_is_not_taken_for_the_one_asked_for(finished, stop_at):
    """Whether it is finished or not, and before any other cell is trained."""
    runs = cells("1-1,1-6", tiny_run(epochs=2), 1, OUTPUT)
    with contextlib.nullcontext() if finished else stop_at("learning_rate", 13):
        train_quietly(runs[1])
    before = state(OUTPUT)
    found = r"1_6-s0: holds a run with other settings: label_smoothing is 0\.1 there and 0\.0 here; .*--output"
    with pytest.raises(InputError, match=found):
        run_cells([replace(run, label_smoothing=0.0) for run in runs])
    assert state(OUTPUT) == before
    check_settings(replace(runs[1], accumulate=2))  # a place, not a setting


def test_a_record_that_does_not_name_all_of_todays_settings_is_one_of_what_they_were_then():
    (run,) = runs = cells("1-1", tiny_run(epochs=1), 1, OUTPUT)
    run_cells(runs)
    line, *others = read_records(run.folder() / "record.jsonl")
    known = line["config"].keys() - {"stem", "mlp_ratio", "pretrained", "train_images"}
    older = {**line, "config": {name: line["config"][name] for name in known}}
    write_records(run.folder() / "record.jsonl", [older, *others])
    before = state(OUTPUT)
    run_cells(runs)
    assert state(OUTPUT) == before


def test_a_cell_in_the_middle_goes_on_from_its_last_epoch(stop_at):
    (run, *_) = cells("2", tiny_run(epochs=2), 1, OUTPUT)
    with stop_at("learning_rate", 13):
        run_cells([run])
    assert not is_finished(run.folder())
    (first,) = lines_of(run.folder(), "epoch")
    run_cells([run])
    assert lines_of(run.folder(), "epoch")[0] == first
    assert outcome(run.folder()) == outcome(train_quietly(replace(run, output=Path("whole"))))


def test_a_latency_file_cut_off_by_a_kill_is_completed():
    runs = cells("2", tiny_run(epochs=1), 1, OUTPUT)[:2]
    run_cells(runs)
    path = OUTPUT / "digits" / LATENCY_FILE
    path.write_bytes(path.read_bytes()[:-20])
    run_cells(runs)
    assert [line["model"] for line in read_records(path)] == [run.model for run in runs]
    run_cells(runs)


def test_a_latency_from_before_there_were_stems_is_one_with_patches_and_the_usual_heads():
    sizes = {"epochs": 1, "width": 64, "heads": 4}
    runs = cells("2", tiny_run(**sizes), 1, OUTPUT)[:1]
    run_cells(runs)
    path = OUTPUT / "digits" / LATENCY_FILE
    (line,) = read_records(path)
    assert [line.pop(name) for name in ("stem", "heads", "mlp_ratio")] == ["patch", 4, 4.0]
    write_records(path, [line])
    run_cells(runs)
    assert read_records(path) == [line]
    run_cells(cells("2", tiny_run(**sizes, stem="conv", recipe="conv"), 1, OUTPUT)[:1])
    assert [each.get("stem") for each in read_records(path)] == [None, "conv"]


def test_a_network_of_another_shape_is_timed_for_itself(monkeypatch):
    """Recipes share a folder and may build networks of one name in several ways."""

    def measure(config, *, device):
        return latency_line(
            config.depth, config.layers, device=device, **{each: getattr(config, each) for each in SHAPE}
        )

    monkeypatch.setattr("para_former.training.reproduce.measure_latency", measure)
    sizes = [{"width": 16}, {"width": 8}, {"heads": 4}, {"pool": "mean"}]
    for number, size in enumerate([*sizes, sizes[0]]):
        run_cells(cells("1-1", tiny_run(epochs=1, recipe=str(number), **size), 1, OUTPUT))
    timed = [(line["width"], line["heads"], line["pool"]) for line in read_records(OUTPUT / "digits" / LATENCY_FILE)]
    assert timed == [(16, 2, "cls"), (8, 2, "cls"), (16, 4, "cls"), (16, 2, "mean")]


def test_a_cell_whose_loss_is_not_finite_does_not_keep_the_others_from_being_trained():
    bad, good = tiny_run(lr=1e30, output=OUTPUT / "bad"), tiny_run(epochs=4, output=OUTPUT / "good")
    with pytest.raises(FloatingPointError, match="bad: loss not finite in epoch 1"):
        run_cells([bad, good])
    assert is_finished(good.folder()) and not is_finished(bad.folder())


def test_a_time_on_another_device_is_not_this_ones():
    runs = cells("1-1", tiny_run(epochs=1), 1, OUTPUT)
    run_cells(runs)
    path = OUTPUT / "digits" / LATENCY_FILE
    (line,) = read_records(path)
    write_records(path, [{**line, "device": "cuda"}])
    run_cells(runs)
    assert [each["device"] for each in read_records(path)] == ["cuda", "cpu"]

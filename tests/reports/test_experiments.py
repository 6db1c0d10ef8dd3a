"""Records become experiments: runs are grouped, means and spreads are right, bad lines are refused by name."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former.errors import InputError
from para_former.reports import paper
from para_former.reports.experiments import built_shape, experiments, network_label
from para_former.reports.runs import collect

from . import helpers


def grouped(records):
    return experiments(*collect(records))


def network(experiment, label):
    return next(each for each in experiment.networks if each.label == label)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_mean_and_spread_over_seeds(accuracies):
    records = {f"{seed}": helpers.training(1, 6, top1, seed=seed) for seed, top1 in enumerate(accuracies)}
    (experiment,) = grouped(records)
    found = network(experiment, "Para-F-1-6")
    assert found.top1 == pytest.approx(sum(accuracies) / len(accuracies))
    assert found.seeds == len(accuracies)
    if len(accuracies) == 1:
        assert found.spread is None
    else:
        assert found.spread == pytest.approx(statistics.stdev(accuracies))
    assert found.middle_run.top1 == sorted(accuracies)[(len(accuracies) - 1) // 2]


FAMILY = helpers.family()
GROUPED = grouped(FAMILY)


@settings(max_examples=20)
@given(st.permutations(sorted(FAMILY)))
def test_the_order_of_the_files_does_not_matter(paths):
    assert grouped({path: FAMILY[path] for path in paths}) == GROUPED


def test_the_papers_networks_come_first_in_its_order():
    records = {"a": helpers.training(2, 8), "b": helpers.training(3, 24), "c": helpers.training(1, 1)}
    (experiment,) = grouped(records)
    shapes = [(each.depth, each.layers) for each in experiment.networks]
    assert shapes == [(1, 1), (3, 24), (2, 8)]


def test_data_sets_recipes_and_epochs_are_kept_apart():
    fields = [{"dataset": "digits"}, {"recipe": "paper"}, {"epochs": 5}, {}]
    found = grouped({str(index): helpers.training(**each) for index, each in enumerate(fields)})
    keys = [(each.dataset, each.recipe, each.epochs) for each in found]
    assert keys == [("cifar10", "basic", 3), ("cifar10", "basic", 5), ("cifar10", "paper", 3), ("digits", "basic", 3)]


def test_runs_on_a_folder_that_has_changed_since_are_no_seeds_of_one_another():
    records = {}
    for seed, pictures in enumerate((42, 106, 106)):
        records[str(seed)] = helpers.training(1, 6, 60.0 + seed, seed=seed, dataset="folder:zoo")
        records[str(seed)][0]["spec"] = records[str(seed)][0]["spec"] | {"counts": {"train": pictures, "test": 27}}
    found = {each.variant: network(each, "Para-F-1-6").seeds for each in grouped(records)}
    assert found == {"pictures {test: 27, train: 106}": 2, "pictures {test: 27, train: 42}": 1}


def test_where_a_model_ran_under_several_settings_each_is_an_experiment():
    records = {
        "a": helpers.training(1, 6, 60.0, lr=0.1, residual="normed"),
        "b": helpers.training(1, 6, 70.0, lr=0.2, residual="normed"),
        "c": helpers.training(1, 12, 80.0, lr=0.2, residual="normed"),
    }
    first, second = grouped(records)
    assert (first.variant, second.name) == ("lr 0.1", "recipe basic, 3 epochs, lr 0.2")
    assert [network(each, "Para-F-1-6").top1 for each in (first, second)] == [60.0, 70.0]
    assert [len(each.networks) for each in (first, second)] == [1, 2]


def test_a_setting_that_is_not_the_recipes_is_named_with_it():
    as_it_is, changed = helpers.training(1, 6), helpers.training(1, 24, lr=0.01)
    changed[0]["changed"] = ["lr"]
    assert [each.variant for each in grouped({"a": as_it_is, "b": changed})] == ["lr 0.001", "lr 0.01"]
    (alone,) = grouped({"b": changed})
    assert (alone.name, alone.training) == ("recipe basic, 3 epochs, lr 0.01", "3 epochs of basic, lr 0.01")
    (without,) = grouped({"a": as_it_is})
    assert (without.name, without.training) == ("recipe basic, 3 epochs", "3 epochs of basic")


def test_runs_from_pretrained_weights_stand_apart_and_not_beside_figures_from_scratch():
    def started(name, sha256, **fields):
        line, *others = helpers.training(1, 24, **fields)
        return [{**line, "pretrained": {"name": name, "sha256": sha256, "dataset": "cifar100"}}, *others]

    scratch = helpers.training(1, 24)
    records = {"a": scratch, "b": started("x", "01" * 32), "c": started("x", "01" * 32, seed=1)}
    own, first, second = grouped({**records, "d": started("x", "02" * 32)})
    assert (own.start, own.name) == ("", "recipe basic, 3 epochs")
    assert first.name == "recipe basic, 3 epochs, from x on cifar100 (01010101)"
    assert second.start == "from x on cifar100 (02020202)"
    assert network(own, "Para-F-1-24").paper_top1 == paper.TABLE_2["cifar10"][1, 24]
    assert [each.label for each in first.networks] == ["Para-F-1-24"]
    assert (first.networks[0].seeds, first.networks[0].paper_top1) == (2, None)


def test_a_setting_that_is_null_is_one_that_older_records_do_not_know():
    (experiment,) = grouped({"a": helpers.training(seed=0), "b": helpers.training(seed=1, pretrained=None)})
    assert experiment.variant == "" and experiment.networks[0].seeds == 2


def test_records_from_before_there_were_stems_are_ones_with_patches():
    old, new, conv = (helpers.training(top1=top1, seed=seed) for seed, top1 in ((0, 60.0), (1, 70.0), (0, 80.0)))
    new[0]["model_config"]["stem"], conv[0]["model_config"]["stem"] = "patch", "conv"
    timings = [helpers.latency_line(ours=1.0), helpers.latency_line(ours=2.0, stem="conv")]
    (alone,) = grouped({"old": old, "new": new})
    assert alone.variant == "" and network(alone, "Para-F-1-6").top1 == 65.0
    first, second = grouped({"old": old, "new": new, "conv": conv, "timings": timings})
    assert (first.variant, second.variant) == ("stem conv", "stem patch")
    times = [network(each, "Para-F-1-6").latency["ours_ms"]["median"] for each in (first, second)]
    assert times == [2.0, 1.0]


@pytest.mark.parametrize("change", [{"heads": 12}, {"pool": "mean", "tokens": 64}, {"mlp_ratio": 1.0}, {"heads": 1}])
def test_a_latency_belongs_to_networks_of_its_own_shape(change):
    usual, other = helpers.training(recipe="usual"), helpers.training(recipe="other")
    other[0]["model_config"] |= {name: value for name, value in change.items() if name != "tokens"}
    records = {"a": usual, "b": other, "l": [helpers.latency_line(ours=1.0)]}

    def times():
        timings = [each.networks[0].latency for each in experiments(*collect(records))]
        return [timing and timing["ours_ms"]["median"] for timing in timings]

    assert times() == [None, 1.0]  # recipes in alphabetical order
    records["l"].append(helpers.latency_line(ours=2.0, **change))
    assert times() == [2.0, 1.0]


def test_settings_that_differ_between_models_do_not_tear_a_table_apart():
    (experiment,) = grouped({"a": helpers.training(1, 6, lr=0.1), "b": helpers.training(1, 12, lr=0.2)})
    assert experiment.variant == "" and len(experiment.measured) == 2


def test_only_a_test_after_the_last_epoch_counts():
    early = [*helpers.training(done=1), helpers.tested_line(1, 99.0, ["a", "b"])]
    (experiment,) = grouped({"a": early})
    assert network(experiment, "Para-F-1-6").top1 is None
    (run,) = network(experiment, "Para-F-1-6").runs
    assert run.state == "training unfinished, epoch 1 of 3"
    untested = helpers.training()[:-1]
    (run,), _ = collect({"a": untested})
    assert run.state == "trained, not tested after the last epoch"


def test_the_first_test_and_the_last_line_of_an_epoch_count():
    lines = helpers.training(top1=60.0)
    lines.insert(2, helpers.epoch_line(1, 12.5))
    (run,), _ = collect({"a": [*lines, helpers.tested_line(3, 99.0, ["a", "b"])]})
    assert run.top1 == 60.0
    assert run.epochs[1]["validation_top1"] == 12.5


def test_a_table_shows_one_set_of_latency_conditions_the_fastest_time_and_the_hardest_peer():
    latencies = [
        helpers.latency_line(1, 6, ours=1.2, peer=1.8),
        helpers.latency_line(1, 6, batch=16, ours=9.0),
        helpers.latency_line(1, 6, ours=1.0, peer=4.0),
        helpers.latency_line(1, 6, ours=1.0, peer=2.0, peer_name="compiled"),
        helpers.latency_line(1, 24, ours=2.0),
        helpers.latency_line(1, 6, ours=0.1, device="cuda"),
        helpers.latency_line(1, 6, ours=0.2, dataset="digits"),
        helpers.latency_line(1, 6, ours=0.3, width=384),
    ]
    runs = {shape: helpers.training(*shape) for shape in ((1, 6), (1, 24), (6, 6))}
    (experiment,) = grouped({**{str(shape): lines for shape, lines in runs.items()}, "latencies": latencies})
    assert network(experiment, "Para-F-1-6").latency["peer_ms"]["median"] == 2.0
    assert network(experiment, "Para-F-1-24").latency["ours_ms"]["median"] == 2.0
    assert network(experiment, "Para-F-6-6").latency is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"kind": "run", "model": "x"}], r"a: line 1: expected 'depth' in every run line"),
        ([helpers.epoch_line(1, 5.0)], r"a: expected a run line before the first epoch line"),
        ([{"kind": "latency"}], r"a: line 1: expected 'model' in every latency line"),
    ],
)
def test_bad_lines_are_named(lines, message):
    with pytest.raises(InputError, match=message):
        collect({"a": lines})


def test_lines_of_other_kinds_are_not_read():
    assert collect({"a": [{"kind": "throughput"}, {}]}) == ([], [])


@pytest.mark.parametrize(
    ("model", "shape", "label"),
    [
        ("para_former_1_6", (1, 6), "Para-F-1-6"),
        ("para_former_2_24_small", (2, 24), "Para-F-2-24 small"),
        ("para_former_small_2_24", (2, 24), "Para-F-2-24 small"),
        ("vit_tiny_patch16", (12, 12), "vit_tiny_patch16"),
    ],
)
def test_labels(model, shape, label):
    assert network_label(model, *shape) == label


def test_tokens_of_an_image_that_is_no_square():
    config = {**helpers.run_line()["model_config"], "image_size": [32, 64]}
    assert built_shape(config)["tokens"] == 8 * 16 + 1

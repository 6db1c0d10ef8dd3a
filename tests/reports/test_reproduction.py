"""The paper's tables beside ours: every cell from its record, the fingerprint ranked, the questions answered."""

import re

import pytest

from para_former.reports import answers, paper
from para_former.reports.experiments import experiments
from para_former.reports.page import build_markdown
from para_former.reports.reproduction import longest
from para_former.reports.rivals import rivals, rivals_table, summary
from para_former.reports.runs import collect

from . import helpers


def found(records):
    return experiments(*collect(records))


def row(text, start):
    """Cells of the first line that begins like this."""
    line = next(line for line in text.split("\n") if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def table_2(records):
    return row(build_markdown(records), "| CIFAR-10 (measured, paper) |")


def test_a_cell_gives_mean_spread_distance_epochs_and_a_link_for_each_seed():
    records = helpers.family(recipe="paper", epochs=10)
    cell = table_2(records)[1]
    assert cell.startswith("56.30 ± 0.30 (+0.35, 10 epochs of paper) [seed 0](")
    for seed in range(3):
        assert f"[seed {seed}](cifar10/para_former_1_1/seed-{seed}/record.jsonl)" in cell


def test_deleting_records_turns_a_cell_to_not_measured_and_no_other():
    records = helpers.family(recipe="paper")
    before = table_2(records)
    for seed in range(3):
        del records[f"cifar10/para_former_1_6/seed-{seed}/record.jsonl"]
    after = table_2(records)
    assert "not measured" not in before
    assert [new for old, new in zip(before, after, strict=True) if old != new] == ["not measured"]


def test_the_longest_training_counts_and_other_sizes_or_pretrained_weights_never():
    short, long = (helpers.training(1, 6, top1, recipe="paper", epochs=e) for top1, e in ((70.0, 2), (60.0, 5)))
    unfinished = helpers.training(1, 6, 90.0, recipe="paper", epochs=9, done=8)
    small = helpers.training(1, 6, 95.0, recipe="paper", epochs=20)
    small[0] |= {"model": "para_former_small_1_6"}
    transferred = helpers.training(1, 6, 97.0, recipe="paper", epochs=30)
    transferred[0] |= {"pretrained": {"name": "other", "sha256": "0" * 64}}
    records = dict(zip("abcde", (short, long, unfinished, small, transferred), strict=True))
    experiment, network = longest(found(records), "cifar10", ("paper", "paper-short"), (1, 6))
    assert (experiment.epochs, network.top1) == (5, 60.0)
    assert longest(found(records), "cifar10", ("modern",), (1, 6)) is None


def test_a_row_has_the_networks_that_differ_from_the_papers_recipe_in_the_residual_alone():
    def trained(recipe, top1, epochs=3, **settings):
        lines = helpers.training(1, 6, top1, recipe=recipe, epochs=epochs)
        lines[0]["config"] |= {"schedule": "cosine", **settings}
        return lines

    def normed_row(study):
        records = {"own": trained("paper-short", 58.0, residual="standard"), "study": study}
        start = "| CIFAR-10 (measured, normed residual) |"
        text = build_markdown(records)
        return row(text, start)[2] if start in text else None

    for study in ("fingerprint", "paper-short-ablation"):
        cell = normed_row(trained(study, 57.0, residual="normed"))
        assert cell == "57.00 (−7.90, 3 epochs of paper-short, residual normed) [seed 0](study)"
        assert normed_row(trained(study, 57.0, residual="normed", schedule="constant")) is None
        assert normed_row(trained(study, 57.0, residual="standard", schedule="constant")) is None
        assert normed_row(trained(study, 57.0, residual="normed", epochs=4)) is None
    direct = trained("paper-short", 57.0, residual="normed")
    direct[0] |= {"changed": ["residual"], "seed": 1}
    assert normed_row(direct) == cell.replace("seed 0", "seed 1")
    text = build_markdown({"a": direct, "own": trained("paper-short", 58.0, residual="standard")})
    assert row(text, "| CIFAR-10 (measured, paper-short) |")[2].startswith("58.00")


def variant(residual, top1, layers=1, epochs=3):
    lines = helpers.training(1, layers, top1, recipe="fingerprint", epochs=epochs)
    lines[0]["model_config"] |= {"mlp_ratio": 4.0, "residual": residual}
    lines[0]["config"] |= {"randaugment_rounds": 2, "schedule": "constant", "lr": 1e-4}
    return lines


def test_the_fingerprint_has_the_nearest_among_the_longest_first_and_is_no_experiment():
    far, near, short = variant("normed", 40.0), variant("standard", 55.0), variant("other", 55.95, epochs=2)
    text = build_markdown({"a": far, "b": near, "c": short})
    assert "in fewer epochs: none." in text
    rows = [line for line in text.split("\n") if line.startswith("| 32/4 | 192 ")]
    assert [line.split(" | ")[3] for line in rows] == ["standard", "normed", "other"]
    assert "55.00 (−0.95) [seed 0](b)" in rows[0]
    assert "Recipe fingerprint" not in text


def test_networks_of_one_variant_share_a_row_whatever_their_precision():
    one, many, again = variant("normed", 50.0), variant("normed", 60.0, layers=24), variant("normed", 51.0)
    for lines in (many, again):
        lines[0]["config"] |= {"precision": "bf16"}

    def rows(records):
        return [line for line in build_markdown(records).split("\n") if line.startswith("| 32/4 | 192 ")]

    (shared,) = rows({"a": one, "b": many})
    assert "50.00 (−5.95) [seed 0](a) | 60.00 (−11.53) [seed 0](b) | not measured | – |" in shared
    assert len(rows({"a": one, "b": again})) == 2  # neither hides the other


def test_the_recipes_stand_among_the_combinations_and_the_deep_network_beside_the_wide():
    wide, deep = variant("normed", 43.0, layers=24), variant("normed", 44.5, layers=6)
    deep[0] |= {"model": "para_former_6_6", "depth": 6}
    chosen, ours = variant("standard", 60.0), variant("standard", 61.0)
    chosen[0] |= {"recipe": "paper-short"}
    ours[0] |= {"recipe": "shallow"}
    text = build_markdown({"a": wide, "b": deep, "c": chosen, "d": ours})
    both, recipe = [line for line in text.split("\n") if line.startswith("| 32/4 | 192 ")]
    assert both.endswith("43.00 (−28.53) [seed 0](a) | 44.50 (−34.89) [seed 0](b) | +1.50 |")
    assert "60.00 (+4.05) [seed 0](c)" in recipe and "Para-F-1-1 by 4.05 points" in text
    assert "(the paper: +7.86)" in text


def test_each_data_set_has_a_fingerprint_of_its_own():
    other = variant("normed", 30.0)
    other[0] |= {"dataset": "cifar100"}
    text = build_markdown({"a": variant("standard", 55.0), "b": other})
    assert "(55.95 with Para-F-1-1" in text.replace("\\", "") and "(30.67 with Para-F-1-1" in text.replace("\\", "")
    assert text.count("Above the paper already") == 2


def test_what_the_text_of_the_paper_says_is_so_in_its_tables():
    growth, above, outperforms, ahead = answers.PAPER_AGAINST_ITSELF
    tables = {title: paper.trained_from_scratch(name) for name, title in paper.TITLES.items()}

    def where(holds):
        return [title for title, table in tables.items() if holds(table)]

    assert where(lambda table: not table[1, 1] < table[1, 6] < table[1, 12] < table[1, 24]) == ["Flowers-102"]
    assert "except on Flowers-102 (Para-F-1-12 37.42, 1-24 35.84)" in growth
    assert where(lambda table: min(table[shape] for shape in paper.NETWORKS[4:]) > table[1, 24]) == list(tables)
    assert "5 of 5" in above
    assert where(lambda table: table[6, 6] <= max(table[2, 24], table[3, 24])) == ["Flowers-102"]
    assert outperforms.endswith("otherwise on Flowers-102.")
    gaps = [table[6, 24] - table[6, 6] for table in tables.values()]
    assert sum(gap > 0 for gap in gaps) == 4 and "4 of 5" in ahead
    assert f"−{-min(gaps):.2f} to +{max(gaps):.2f} points" in ahead


def test_questions_are_answered_by_every_experiment_that_can():
    records = {**helpers.family(recipe="paper"), **helpers.family("cifar100", seeds=(0,), recipe="modern")}
    asked = dict(answers.questions(found(records)))
    assert [len(sentences) for sentences in asked.values()] == [2, 2, 2]
    (first, alone) = asked["Is Para-F-6-24 better than the serial Para-F-6-6?"]
    assert first == "CIFAR-10, recipe paper, 3 epochs: Para-F-6-24 80.30, Para-F-6-6 79.30: +1.00 points."
    assert alone.endswith("Some of these networks have one seed only.")
    assert answers.questions(found({"a": helpers.training()})) == []


@pytest.fixture
def against_serial():
    """Para-F-1-24 beside three serial ones: small and fast, as large and slow, as fast and too large."""
    files, latencies = {}, []
    for model, depth, layers, parameters, ms, top1 in (
        ("para_former_1_24", 1, 24, 100, 1.0, 60.0),
        ("para_former_2_2", 2, 2, 10, 1.05, 50.0),
        ("para_former_24_24", 24, 24, 105, 9.0, 70.0),
        ("para_former_base_2_2", 2, 2, 150, 1.0, 80.0),
    ):
        lines = helpers.training(depth, layers, top1)
        lines[0] |= {"model": model, "parameters": parameters}
        files[model] = lines
        latencies.append({**helpers.latency_line(depth, layers, ours=ms), "model": model})
    return {**files, "latency": latencies}


def test_a_parallel_network_meets_the_best_serial_of_its_size_and_of_its_latency(against_serial):
    (cells,) = rivals_table(rivals(found(against_serial))).rows
    size, time = cells[-2:]
    assert (size.text, size.beside) == ("70.00", "+10.00") and "24-24" in size.below
    assert (time.text, time.beside) == ("80.00", "+20.00") and "base" in time.below
    del against_serial["para_former_24_24"], against_serial["para_former_base_2_2"]
    (cells,) = rivals_table(rivals(found(against_serial))).rows
    assert [cell.text for cell in cells[-2:]] == ["50.00", "50.00"]
    del against_serial["para_former_2_2"]
    assert rivals(found(against_serial)) == []


def test_the_summary_counts_who_is_ahead_and_where_no_serial_network_is_as_slow(against_serial):
    text = summary(rivals(found(against_serial)))
    assert "no more parameters is ahead in 1 of 1 comparisons" in text and "no later is ahead in 1 of 1" in text
    assert "Few serial networks" not in text
    del against_serial["para_former_base_2_2"]
    slow = {**helpers.latency_line(1, 24, ours=2.5), "model": "para_former_1_24"}
    against_serial["latency"] = [slow, *against_serial["latency"][1:]]
    text = summary(rivals(found(against_serial)))
    assert "no later is ahead in 0 of 1" in text and "in 1 of the latter the serial one takes less than half" in text
    against_serial["latency"][0] = {**helpers.latency_line(1, 24, ours=0.5), "model": "para_former_1_24"}
    text = summary(rivals(found(against_serial)))
    assert "no later is ahead in 0 of 0" in text and "trained: for 1 network more none is as fast." in text


def test_without_a_latency_the_comparison_at_equal_latency_is_not_measured(against_serial):
    del against_serial["latency"]
    (cells,) = rivals_table(rivals(found(against_serial))).rows
    assert [cell.text for cell in cells[-2:]] == ["70.00", "not measured"]
    assert re.fullmatch("not measured", cells[3].text)


@pytest.mark.parametrize(("epochs", "named"), [(499, True), (500, False)])
def test_above_the_paper_in_fewer_epochs_are_only_trainings_of_fewer_epochs(epochs, named):
    lines = helpers.training(1, 1, 90.0, recipe="fingerprint", epochs=epochs, done=0)
    lines += [helpers.tested_line(epochs, 90.0, ["a", "b"])]
    text = answers.fingerprint(experiments(*collect({"a": lines})))
    assert ("Para-F-1-1 by 34.05 points after" in text, "in fewer epochs: none." in text) == (named, not named)


def test_of_equally_long_trainings_that_of_most_seeds_stands_in_the_papers_table():
    one = helpers.training(1, 6, 70.0, recipe="paper")
    more = {str(seed): helpers.training(1, 6, 60.0, recipe="paper-short", seed=seed) for seed in (0, 1)}
    for records in ({"a": one, **more}, {**more, "z": one}):
        _, network = longest(experiments(*collect(records)), "cifar10", ("paper", "paper-short"), (1, 6))
        assert network.seeds == 2
    less = {"a": helpers.training(1, 6, 60.0, recipe="paper-short")}
    two = {str(seed): helpers.training(1, 6, 70.0, recipe="paper", seed=seed) for seed in (0, 1)}
    _, network = longest(experiments(*collect({**less, **two})), "cifar10", ("paper", "paper-short"), (1, 6))
    assert network.seeds == 2


def test_single_seeds_count_only_where_layers_are_equal():
    """The networks that the question of depth rests on."""
    records = {f"{m}-{seed}": helpers.training(m, 24, 60.0 + m, seed=seed) for m in (1, 2) for seed in (0, 1)}
    records["alone"] = helpers.training(1, 6, 50.0)
    asked = dict(answers.questions(experiments(*collect(records))))
    texts = {question.split(",")[0]: sentence for question, (sentence, *_) in asked.items()}
    assert "one seed only" in texts["Does accuracy grow with the number of layers"]
    assert "one seed only" not in texts["Does accuracy grow with depth"]

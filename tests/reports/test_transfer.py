"""Fine-tuned networks beside the same from scratch: matched by settings, every cell from its records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.reports.document import Paragraph, Table, html_page
from para_former.reports.experiments import experiments
from para_former.reports.page import build_markdown, build_page
from para_former.reports.runs import collect
from para_former.reports.transfer import transfer_section, transfer_sentences, transfers

from . import helpers


def tuned(top1, seed=0, depth=1, layers=6, weights="c100", dataset="cifar100", **fields):
    lines = helpers.training(depth, layers, top1, seed=seed, **fields)
    lines[0]["pretrained"] = {"name": f"{weights}-s{seed}", "sha256": f"{seed:02d}" * 32}
    lines[0]["pretrained"] |= {"dataset": dataset} if dataset else {}
    lines[0]["config"]["pretrained"] = lines[0]["pretrained"]["name"]
    return lines


@pytest.fixture
def records():
    """1-6 from CIFAR-100 (two seeds, each from weights of its own) and from scratch, with the same settings."""
    files = {f"tuned-{seed}.jsonl": tuned(70.0 + seed, seed) for seed in (0, 1)}
    return files | {f"scratch-{seed}.jsonl": helpers.training(top1=60.0 + seed, seed=seed) for seed in (0, 1)}


def rows(records):
    return transfers(experiments(*collect(records)))


def section(records):
    return list(transfer_section(experiments(*collect(records))))


def cells(records):
    (table,) = [block for block in section(records) if isinstance(block, Table)]
    return table.rows


def test_seeds_from_weights_of_their_own_are_one_row_beside_the_same_network(records):
    (row,) = cells(records)
    assert [cell.text for cell in row] == ["CIFAR-10", "Para-F-1-6", "CIFAR-100", "70.50", "60.50", "+10.00"]
    assert [cell.beside for cell in row[3:5]] == ["± 0.71", "± 0.71"]
    assert [cell.below for cell in row[3:5]] == ["3 epochs of basic"] * 2
    assert row[3].links == (("seed 0", "tuned-0.jsonl"), ("seed 1", "tuned-1.jsonl"))
    assert row[4].links == (("seed 0", "scratch-0.jsonl"), ("seed 1", "scratch-1.jsonl"))


@pytest.mark.parametrize("left", ["tuned", "scratch"])
def test_deleting_records_turns_the_gain_to_not_measured(records, left):
    for seed in (0, 1):
        path = f"{left}-{seed}.jsonl"
        records[path] = records[path][:-1]
    (row,) = cells(records)
    column = 3 if left == "tuned" else 4
    assert row[column].text == row[5].text == "not measured"
    for seed in (0, 1):
        del records[f"{left}-{seed}.jsonl"]
    assert section(records) == [] if left == "tuned" else cells(records)[0][4].text == "not measured"


def test_of_several_trainings_from_scratch_the_most_alike_counts(records):
    records |= {
        "other recipe": helpers.training(top1=1.0, recipe="modern"),
        "longer": helpers.training(top1=2.0, epochs=9),
        "other rate": helpers.training(top1=3.0, lr=0.5),
    }
    assert rows(records)[0].scratch[1].top1 == 60.5
    del records["scratch-0.jsonl"], records["scratch-1.jsonl"]
    (row,) = cells(records)
    assert (row[4].text, row[4].below) == ("3.00", "3 epochs of basic, other lr")
    assert "the gain is not that of the weights alone" in " ".join(transfer_sentences(rows(records)))
    del records["other rate"]
    assert cells(records)[0][4].below == "9 epochs of basic"
    assert "the gain is not that of the weights alone" in " ".join(transfer_sentences(rows(records)))
    del records["longer"]
    assert cells(records)[0][4].below == "3 epochs of modern"


@pytest.mark.parametrize("change", [{"heads": 12}, {"stem": "conv"}, {"pool": "mean"}, {"mlp_ratio": 2.0}])
def test_a_network_of_another_shape_is_not_the_same(records, change):
    for seed in (0, 1):
        records[f"scratch-{seed}.jsonl"][0]["model_config"] |= change
    assert rows(records)[0].scratch is None


def test_weights_from_elsewhere_are_another_row_under_their_own_name(records):
    records["hub"] = tuned(90.0, weights="vit.npz", dataset=None)
    assert [row[2].text for row in cells(records)] == ["CIFAR-100", "vit.npz-s0"]


def test_sentences_tell_gains_from_losses_and_what_lies_within_the_spread(records):
    first, *rest = transfer_sentences(rows(records))
    assert first.endswith("scratch: Para-F-1-6 on CIFAR-10 from CIFAR-100, +10.00 points (3 against 3 epochs).")
    assert rest == []
    records["tuned-0.jsonl"][-1]["top1"] = 40.0
    (loss,) = transfer_sentences(rows(records))
    assert loss.startswith("No more accurate") and "−5.00 points (3 against 3 epochs, within the spread" in loss
    del records["scratch-1.jsonl"]
    assert "single seed" in " ".join(transfer_sentences(rows(records)))


@given(st.floats(0, 100), st.floats(0, 100))
def test_the_gain_is_the_difference_and_its_sign_decides_the_sentence(one, other):
    (row,) = found = rows({"a": tuned(one), "b": helpers.training(top1=other)})
    assert row.gain == pytest.approx(one - other)
    assert transfer_sentences(found)[0].startswith("More" if one > other else "No more")


def test_the_papers_figures_are_there_and_said_not_to_be_measured_until_they_are(records):
    def paragraph():
        (text,) = [block.text for block in section(records) if isinstance(block, Paragraph)]
        return text

    assert "Flowers-102 96.89" in paragraph() and "not measured here" in paragraph()
    records["theirs"] = tuned(98.0, depth=12, layers=12, weights="vit", dataset=None)
    records["theirs"][0]["model"] = "para_former_base_12_12"
    assert "not measured here" not in paragraph()


def test_without_pretrained_weights_there_is_no_section(records):
    assert section({"a": records["scratch-0.jsonl"]}) == []
    assert "Fine-tuning (" not in build_markdown({"a": records["scratch-0.jsonl"]})


def test_the_page_is_the_same_bytes_from_the_same_records_and_leads_to_the_section(records):
    page = build_page(records)
    assert page == build_page(dict(reversed(records.items()))) and html_page(section(records))
    parsed = helpers.Page(page)
    assert "#transfer" in parsed.links and "transfer" in parsed.ids


def transfers_of(records):
    return transfers(experiments(*collect(records)))


def test_from_scratch_is_from_scratch_on_the_same_data_set():
    records = {"tuned": tuned(70.0, dataset="cifar10"), "elsewhere": helpers.training(top1=99.0)}
    records["tuned"][0]["dataset"] = "cifar100"
    (row,) = transfers_of(records)
    assert row.scratch is None
    records["scratch"] = helpers.training(top1=60.0, dataset="cifar100", epochs=9)
    assert transfers_of(records)[0].gain == 10.0


def test_fine_tunings_of_other_epochs_recipes_or_settings_are_rows_of_their_own():
    records = {
        "a": tuned(70.0),
        "b": tuned(71.0, 1),
        "longer": tuned(72.0, 2, epochs=5),
        "other": tuned(73.0, recipe="x"),
    }
    rows = transfers_of(records)
    assert [(each.experiment.recipe, each.experiment.epochs, each.network.seeds) for each in rows] == [
        ("basic", 3, 2), ("basic", 5, 1), ("x", 3, 1)
    ]  # fmt: skip


def test_the_papers_network_just_begun_is_not_measured():
    from para_former.reports.document import Paragraph
    from para_former.reports.transfer import transfer_section

    records = {"theirs": tuned(98.0, depth=12, layers=12, weights="vit", dataset=None, done=1)}
    records["theirs"][0]["model"] = "para_former_base_12_12"
    (text,) = [b.text for b in transfer_section(experiments(*collect(records))) if isinstance(b, Paragraph)]
    assert "that is not measured here" in text

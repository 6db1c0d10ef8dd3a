"""A record line whose fields are of other types than a report reads is refused by file, line and field."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from para_former.errors import InputError
from para_former.records import write_records
from para_former.reports import write_report
from para_former.reports.fields import FORMS, THEORY, read

from . import bench_records, helpers

OTHERS = (7, 2.5, "text", True, None, ["text"], {"text": 7})  # one value of every JSON type


def records():
    return {
        "a/record.jsonl": helpers.training(),
        "latency.jsonl": [helpers.latency_line()],
        "bench.jsonl": [bench_records.bench_line(), bench_records.bench_line(batch=4)],
    }


def changed(path, line, place, value):
    """The records with another value at one place, or none there."""
    found = copy.deepcopy(records())
    *outer, last = place
    inside = found[path][line]
    for part in outer:
        inside = inside[part]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "line", "place", "value", "told"),
    [
        ("a/record.jsonl", 0, ["epochs"], "ten", "'epochs' of every run line to be a whole number, found \"ten\""),
        ("a/record.jsonl", 0, ["epochs"], 10**19, "'epochs' of every run line to be a whole number below 2^63"),
        ("a/record.jsonl", 1, ["seconds"], float("nan"), "'seconds' of every epoch line to be a number below 2^63"),
        ("a/record.jsonl", 0, ["layers"], 6.5, "'layers' of every run line to be a whole number, found 6.5"),
        ("a/record.jsonl", 0, ["environment"], [1], "'environment' of every run line to be an object, found [1]"),
        ("a/record.jsonl", 0, ["split", "train"], "all", "'split.train' of every run line to be a whole number"),
        ("a/record.jsonl", 0, ["split", "train"], ..., "'split.train' in every run line, found one without it"),
        ("a/record.jsonl", 0, ["pretrained"], 3, "'pretrained' of every run line to be an object or null, found 3"),
        ("a/record.jsonl", 0, ["pretrained"], {"name": "x"}, "'pretrained.sha256' in every run line"),
        ("a/record.jsonl", 1, ["validation_top1"], None, "'validation_top1' of every epoch line"),
        ("a/record.jsonl", 4, ["top1"], "61.2", "'top1' of every test line to be a number, found \"61.2\""),
        ("a/record.jsonl", 4, ["top1"], True, "'top1' of every test line to be a number, found true"),
        ("a/record.jsonl", 4, ["confusion", 1, 2], "x", "'confusion[1][2]' of every test line"),
        ("a/record.jsonl", 4, ["samples", "cat"], "x" * 99, f'to be a list, found "{"x" * 39}...'),
        (
            "a/record.jsonl",
            4,
            ["classes"],
            ["cat"],
            "the 1 entries of 'classes' in 'per_class_top1' of every test line",
        ),
        (
            "a/record.jsonl",
            4,
            ["confusion", 1],
            [3],
            "entries of 'classes' in 'confusion[1]' of every test line, found 1",
        ),
        (
            "bench.jsonl",
            1,
            ["mode"],
            "guess",
            "'mode' of every bench line to be inference or training, found \"guess\"",
        ),
        (
            "a/record.jsonl",
            4,
            ["classes"],
            [],
            "'classes' of every test line to be a list of at least one entry, found none",
        ),
        ("latency.jsonl", 0, ["ours_ms", "q1"], ..., "'ours_ms.q1' in every latency line, found one without it"),
        ("bench.jsonl", 1, ["contenders", 3, "ms"], ..., "'contenders[3].ms' in every bench line"),
        (
            "bench.jsonl",
            1,
            ["contenders", 0, "ratio", "median"],
            "x",
            "'contenders[0].ratio.median' of every bench line",
        ),
        (
            "bench.jsonl",
            1,
            ["contenders", 3, "ratio"],
            None,
            "the ratio of 'stacked' to a measured baseline, found",
        ),
        ("bench.jsonl", 1, ["contenders"], {}, "'contenders' of every bench line to be a list, found {}"),
        ("bench.jsonl", 1, ["environment", "clocks"], 7, "'environment.clocks' of every bench line to be an object"),
    ],
)
def test_a_field_of_another_type_is_refused_and_nothing_is_written(tmp_path, path, line, place, value, told):
    for name, lines in changed(path, line, place, value).items():
        write_records(tmp_path / name, lines)
    with pytest.raises(InputError) as error:
        write_report([tmp_path], tmp_path / "out")
    assert str(error.value).startswith(f"{path}: line {line + 1}: expected ") and told in str(error.value)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def example(form):
    """A value of this form, and nothing more than it."""
    if isinstance(form, tuple):
        return example(form[0])
    if isinstance(form, frozenset):
        return min(form)
    if isinstance(form, list):
        return [example(form[0])]
    if isinstance(form, dict):
        return {"any" if name is str else name.removesuffix("?"): example(each) for name, each in form.items()}
    return {int: 3, float: 0.5, str: "words", bool: False, None: None}[form]


def places(form, place=()):
    """(where, form) of every part of an example."""
    form = form[0] if isinstance(form, tuple) else form
    if isinstance(form, list):
        yield from [((*place, 0), form[0]), *places(form[0], (*place, 0))]
    if isinstance(form, dict):
        for name, each in form.items():
            inner = (*place, "any" if name is str else name.removesuffix("?"))
            yield from [(inner, each), *places(each, inner)]


def fits(value, form):
    """By JSON's types alone."""
    if isinstance(form, tuple):
        return any(fits(value, each) for each in form)
    if isinstance(form, frozenset):
        return isinstance(value, str) and value in form
    kind = form if form is None or isinstance(form, type) else type(form)
    return {float: type(value) in (int, float), None: value is None}.get(kind, type(value) is kind)


KINDS = {
    **{(kind, None): form for kind, form in FORMS.items()},
    **{("theory", study): THEORY[study] for study in THEORY},
}


@given(st.sampled_from(sorted(KINDS, key=str)), st.data())
def test_every_field_of_every_kind_is_looked_at(kind, data):
    form = KINDS[kind]
    record = {"kind": kind[0], "study": kind[1], **example(form)}
    assert list(read({"file": [record]}, kind[0])) == [("file", record)]
    place, wanted = data.draw(st.sampled_from(list(places(form))))
    inside = record
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = data.draw(st.sampled_from([other for other in OTHERS if not fits(other, wanted)]))
    with pytest.raises(InputError, match="^file: line 2: expected '"):
        list(read({"file": [{"kind": "other"}, record]}, kind[0]))


@pytest.mark.parametrize("kind", OTHERS)
def test_lines_of_no_known_kind_are_not_read(kind):
    assert not list(read({"file": [{"kind": kind}, {}]}, *FORMS, "theory"))


@pytest.mark.parametrize("study", OTHERS)
def test_an_unknown_study_is_refused(study):
    with pytest.raises(InputError, match="file: line 1: expected the study of a theory line to be one of approx"):
        list(read({"file": [json.loads(json.dumps({"kind": "theory", "study": study}))]}, "theory"))

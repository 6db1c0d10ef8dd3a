"""The whole report: complete, self-contained, escaped, the same bytes from the same records, and written safely."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from para_former import reports
from para_former.errors import InputError
from para_former.records import write_records
from para_former.reports import write_report
from para_former.reports.page import build_markdown, build_page

from . import helpers

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    files = {**helpers.family(), **helpers.family("digits", seeds=(0,))}
    for path, records in files.items():
        write_records(root / path, records)
    return root


@pytest.fixture(scope="module")
def page(results):
    return write_report([results], results / "out")[0].read_text()


def test_the_page_has_every_section(page):
    text = helpers.Page(page).text
    for expected in (
        "n/m parallel branches", "CIFAR-10", "digits", "65.30", "± 0.30", "64.90", "5.32×", "Accuracy against layers.",
        "Learning curves.", "Best class:", "Worst class:", "Conditions", "abcdef012345",
        "cifar10/para_former_1_6/seed-2/record.jsonl", "At depth 1 mean accuracy grows with every step in layers",
    ):  # fmt: skip
        assert expected in text.replace("\xa0", " ")


def test_the_page_loads_nothing(page):
    parsed = helpers.Page(page)
    assert parsed.loads and all(address.startswith(("#", "data:image/png;base64,")) for address in parsed.loads)
    assert "http://" not in page and "https://" not in page
    assert not parsed.tags & {"script", "link", "iframe", "object", "base"}


def test_ids_are_unique_and_links_lead_somewhere(results, page):
    parsed = helpers.Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    inside = {link.removeprefix("#") for link in parsed.links if link.startswith("#")}
    outside = [link for link in parsed.links if not link.startswith("#")]
    assert inside and inside <= set(parsed.ids)
    assert outside and all((results / "out" / link).is_file() for link in outside)
    assert {address.removeprefix("#") for address in parsed.loads if address.startswith("#")} <= set(parsed.ids)


def test_rebuilt_twice_it_is_byte_identical(results, page):
    """The second time in another process, with another hash seed, from the same folders named one by one."""
    again = results / "again"
    program = (
        "import sys; from pathlib import Path; from para_former.reports import write_report\n"
        "write_report([Path(root) for root in sys.argv[2:]], Path(sys.argv[1]))"
    )
    roots = [str(results / "digits"), str(results / "cifar10")]
    subprocess.run([sys.executable, "-c", program, str(again), *roots], check=True)
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (results / "out", again)
    )
    assert first == second and {path.parts[0] for path in first} == {"report.html", "report.md", "report_figures"}


def test_reports_import_records_and_nothing_that_trains():
    for file in Path(reports.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name.split(".")[:2]
                assert "torch" not in ours
                assert ours[0] != "para_former" or ours[1] in ("errors", "records", "reports")


def test_deleting_a_record_turns_its_cell_to_not_measured():
    family = helpers.family(seeds=(0,), recipe="paper")
    before = build_markdown(family)
    del family["cifar10/para_former_6_24/seed-0/record.jsonl"]
    after = build_markdown(family)
    start = "| CIFAR-10 (measured, paper) | 79.00"
    (old,) = [line for line in before.split("\n") if line.startswith(start)]
    (new,) = [line for line in after.split("\n") if line.startswith(start)]
    assert "80.00" in old and "not measured" not in old
    assert "80.00" not in new and new.endswith(" | not measured |")
    assert "| Para-F-6-24 | 6 |" in before and "| Para-F-6-24 | 6 |" not in after


def test_a_run_that_went_on_under_another_commit_has_two_places():
    lines = helpers.training()
    moved = {**helpers.ENVIRONMENT, "commit": "moved"}
    lines.insert(2, {"kind": "resumed", "epoch": 1, "environment": moved, "compile": False})
    assert "| 1, 2 |" in build_markdown({"a": lines})


def test_hostile_text_is_escaped_everywhere():
    lines = helpers.training(classes=(HOSTILE, "b"), recipe=HOSTILE, dataset=HOSTILE, note=HOSTILE)
    latencies = [helpers.latency_line(dataset=HOSTILE, peer=1.0) | {"peer": HOSTILE, "device": HOSTILE}]
    records = {HOSTILE: lines, "latency": latencies}
    parsed = helpers.Page(build_page(records))
    assert "script" not in parsed.tags
    assert parsed.text.count(HOSTILE) > 5
    assert "<script" not in build_markdown(records).replace("\\<", "")


def test_classes_are_sorted_and_one_without_test_images_is_left_out():
    lines = helpers.training(classes=("a", "b", "c", "d"))
    lines[-1] |= {"per_class_top1": [20.0, None, 80.0, 50.0], "samples": {"c": [helpers.png()], "d": [helpers.png()]}}
    text = helpers.Page(build_page({"a": lines})).text.replace("\xa0", " ")
    assert "From 80.0 % (c) down to 20.0 % (a); the middle class is at 50.0 % (d)." in text
    assert "Best class: c, 80.0 %." in text and "Rank 2 of 3: d, 50.0 %." in text


def test_latencies_alone_make_a_page():
    text = helpers.Page(build_page({"a": [helpers.latency_line()]})).text
    assert "timm serial ViT, over ours" in text


def test_a_run_just_begun_makes_a_page():
    text = helpers.Page(build_page({"a": [helpers.run_line()]})).text
    assert "training unfinished, epoch 0 of 3" in text


def test_paths_are_relative_to_the_roots(tmp_path):
    for name in ("one", "two"):
        write_records(tmp_path / name / "record.jsonl", helpers.training(seed=len(name)))
    html, _ = write_report([tmp_path / "one", tmp_path / "two", tmp_path / "two" / "record.jsonl"], tmp_path / "out")
    text = html.read_text()
    assert "one/record.jsonl" in text and "two/record.jsonl" in text and str(tmp_path) not in text
    html, _ = write_report([tmp_path / "one" / "record.jsonl"], tmp_path / "out")
    assert ">record.jsonl<" in html.read_text()


def test_a_linked_record_is_read_under_its_own_name(tmp_path):
    write_records(tmp_path / "elsewhere/r.jsonl", helpers.training())
    (tmp_path / "root").mkdir()
    (tmp_path / "root/linked.jsonl").symlink_to(tmp_path / "elsewhere/r.jsonl")
    page, _ = write_report([tmp_path / "root"], tmp_path / "out")
    assert "linked.jsonl" in page.read_text()


def test_the_text_may_lie_elsewhere_and_its_links_still_lead_to_records(tmp_path):
    record = tmp_path / "some results" / "record.jsonl"
    write_records(record, helpers.training(recipe="paper"))
    page, text = write_report([record.parent], tmp_path / "out", tmp_path / "docs" / "reproduction.md")
    assert not (tmp_path / "out" / "report.md").exists()
    (link,) = {link for link in helpers.Page(page.read_text()).links if not link.startswith("#")}
    assert (page.parent / unquote(link)).samefile(record)
    links = {link for link in re.findall(r"(?<!!)\[[^\]]*\]\((.*?)\)", text.read_text()) if not link.startswith("#")}
    assert links and all((text.parent / unquote(link)).samefile(record) for link in links)


def test_no_record_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="expected at least one record"):
        write_report([tmp_path], tmp_path / "out")
    with pytest.raises(InputError, match="no such file or folder"):
        write_report([tmp_path / "missing"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "data.jsonl").write_text('{"text": "hello"}\n')
    with pytest.raises(InputError, match="foreign: expected at least one record"):
        write_report([tmp_path / "foreign"], tmp_path / "foreign")
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["data.jsonl"]


def test_a_file_in_place_of_the_output_folder_is_refused(tmp_path):
    write_records(tmp_path / "record.jsonl", helpers.training())
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report_figures").touch()
    for output, inside in (("record.jsonl", "record.jsonl"), ("out", "report_figures")):
        with pytest.raises(InputError, match=f"{inside}: expected a folder"):
            write_report([tmp_path], tmp_path / output)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report_figures"]


def test_a_page_that_cannot_be_written_leaves_the_old_one_whole(tmp_path, monkeypatch):
    write_records(tmp_path / "a.jsonl", helpers.training())
    page, _ = write_report([tmp_path], tmp_path)
    before = page.read_bytes()
    write_records(tmp_path / "a.jsonl", helpers.training(top1=70.0))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_report([tmp_path], tmp_path)
    assert page.read_bytes() == before

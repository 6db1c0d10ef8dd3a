"""Every drawing of the page is a file beside the text: named after its place, whole without the page."""

import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import unquote

import pytest

from para_former.errors import InputError
from para_former.records import write_records
from para_former.reports import write_report
from para_former.reports.document import Figure, Grid, Heading, images
from para_former.reports.drawings import with_files

from . import helpers

SVG = '<svg viewBox="0 0 360 250" role="img" aria-label="a &gt; b"><text>0.12345</text></svg>'


def written(folder, records, markdown=None):
    for path, lines in records.items():
        write_records(folder / path, lines)
    return write_report([folder], folder / "out", markdown)


@pytest.fixture
def family(tmp_path):
    return written(tmp_path, helpers.family(seeds=(0,)))


def test_every_drawing_of_the_page_is_a_file_that_the_text_shows(family):
    page, text = family
    shown = re.findall(r"!\[.*?\]\((.*?)\)", text.read_text())
    files = sorted(text.parent.glob("report_figures/*"))
    assert sorted(text.parent / unquote(address) for address in shown) == files
    assert len(files) == page.read_text().count("<svg") > 2


def test_a_file_needs_no_page(family):
    for path in family[1].parent.glob("report_figures/*"):
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and float(root.get("width")) > 400
        text = path.read_text()
        used, defined = (set(re.findall(pattern, text)) for pattern in (r"var\((--[\w-]+)\)", r"(--[\w-]+):"))
        assert "--ink" in used <= defined and "prefers-color-scheme: dark" in text
        assert not re.search(r"href=\"(?!#)|url\((?!#)", text)


def test_a_drawing_keeps_its_name_when_others_come(tmp_path):
    digits, others = helpers.family("digits", seeds=(0,)), helpers.family(seeds=(0,))
    before, after = (
        {path.name for path in written(tmp_path / name, records)[1].parent.glob("report_figures/*")}
        for name, records in (("few", digits), ("many", {**others, **digits}))
    )
    assert before and before < after


def test_names_are_plain_and_differ_whatever_the_titles():
    blocks = [
        Heading(2, "../Ä", anchor="data-../ä"),
        Heading(3, "<b>" * 100),
        Figure((SVG, SVG), "One.", ""),
        Grid("figures", (Figure((SVG,), "One.", ""), Figure((images(["x"]),), "Two.", ""))),
        Heading(2, "Speed", anchor="bench"),
        Figure((SVG,), "One.", ""),
    ]
    placed, files = with_files(blocks, "some where")
    assert len(files) == 4 and all(re.fullmatch(r"[a-z0-9][a-z0-9-]*\.svg", name) for name in files)
    assert "bench-one.svg" in files and max(map(len, files)) < 160
    assert placed[-1].markdown() == "![One.](some%20where/bench-one.svg)\n\n**One.** \n"
    assert placed[3].members[1].markdown() == "**Two.**  (In the HTML page.)\n"
    assert "0.12345" in files["bench-one.svg"]


def test_names_that_are_no_text_leave_whole_drawings(tmp_path):
    """A folder's bytes that are no UTF-8, and what XML forbids."""
    for name in ("caf\udce9", "a\x1bb\x00"):
        _, text = written(tmp_path, {f"{len(name)}.jsonl": helpers.training(dataset=name)})
        for path in text.parent.glob("report_figures/*"):
            ElementTree.parse(path)


@pytest.mark.parametrize("name", ["report.html", "report.md", "a drawing"])
def test_a_received_folder_cannot_choose_what_a_report_replaces(tmp_path, name):
    (tmp_path / "victim").write_text("mine")
    page, text = written(tmp_path, helpers.family("digits", seeds=(0,)))
    link = page.parent / name if name.startswith("report.") else min(page.parent.glob("report_figures/*"))
    link.unlink()
    link.symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match=f"{link.name}: expected what a report may replace, found a link"):
        write_report([tmp_path], page.parent)
    assert (tmp_path / "victim").read_text() == "mine"


def test_page_and_text_are_two_files(tmp_path):
    with pytest.raises(InputError, match="expected another file than that of the page"):
        written(tmp_path, helpers.family(seeds=(0,)), tmp_path / "out/../out/report.html")


def test_a_text_that_is_no_file_has_no_drawings_beside_it(tmp_path):
    pipe = tmp_path / "pipe"
    pipe.symlink_to("/dev/null")
    written(tmp_path / "results", helpers.family(seeds=(0,)), pipe)
    assert [path.name for path in tmp_path.iterdir() if path.name != "results"] == ["pipe"]

"""A document as a list of blocks, rendered as one self-contained HTML page or as Markdown; knows no experiments.

The HTML loads nothing: style, plots and images stand inside it. In Markdown a figure is its caption, which states
what the figure shows, below the file of its drawing where it has one (`drawings.py`). All text is escaped here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal
from urllib.parse import quote

from para_former.reports.style import STYLE

LONG = 32
"""letters above which the text of a cell may break into lines"""


def prose(text: str) -> str:
    """Text as HTML in which names with hyphens (Para-F-1-6), ranges and percentages are not broken across lines."""
    return re.sub(r"(?<![\w.])[\w.]+×?(?:[-–][\w.]+×?)+", r'<span class="name">\g<0></span>', escape(text)).replace(
        " %", "&nbsp;%"
    )


def _url(address: str) -> str:
    """A path of a file as an address, its bytes that are no text too."""
    return quote(address, errors="surrogateescape")


def markdown_text(text: str) -> str:
    """Text in which Markdown and HTML find nothing to interpret, on one line."""
    return re.sub(r"([\\`*\[\]<>|&#~]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a lighter note beside it (a spread) or below it (a reason), and how it stands out.

    `links` are (text, address) pairs that follow the note below.
    """

    text: str
    beside: str = ""
    below: str = ""
    kind: Literal["", "best", "missing"] = ""
    links: tuple[tuple[str, str], ...] = ()

    def html(self, beside: bool) -> str:
        """The inside of a cell; `beside` keeps room for a note where another cell of the column has one."""
        text = escape(self.text).replace("/", "/<wbr>") if len(self.text) > LONG else prose(self.text)
        text = f'<span class="{self.kind}">{text}</span>' if self.kind else text
        text += f' <span class="beside">{escape(self.beside)}</span>' if beside and self.kind != "missing" else ""
        links = [f'<a href="{escape(_url(address))}">{escape(label)}</a>' for label, address in self.links]
        below = " ".join(filter(None, [prose(self.below), *links]))
        return text + (f'<span class="below">{below}</span>' if below else "")

    def markdown(self) -> str:
        text = markdown_text(self.text)
        below = f"({self.below})" if self.below else ""
        notes = [markdown_text(note) for note in (self.beside, below) if note]
        notes += [f"[{markdown_text(label)}]({_url(address)})" for label, address in self.links]
        return " ".join([f"**{text}**" if self.kind == "best" else text, *notes])


@dataclass(frozen=True)
class Table:
    """Named columns over rows of cells; columns named in `numbers` are set flush right with figures of equal width."""

    caption: str
    columns: tuple[str, ...]
    numbers: frozenset[str]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def from_rows(cls, caption: str, rows: Sequence[Mapping[str, Cell | str | int]], texts: Collection[str]) -> "Table":
        """From at least one row of cells, or their texts, by column; columns not among `texts` are numbers."""
        columns = tuple(rows[0])
        cells = [[row[column] for column in columns] for row in rows]
        whole = (tuple(each if isinstance(each, Cell) else Cell(str(each)) for each in row) for row in cells)
        return cls(caption, columns, frozenset(columns) - set(texts), tuple(whole))

    def html(self) -> str:
        kinds = [' class="number"' if column in self.numbers else "" for column in self.columns]
        beside = [any(cell.beside for cell in column) for column in zip(*self.rows, strict=True)]
        titles = zip(self.columns, kinds, strict=True)
        head = "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for text, kind in titles)
        body = ""
        for row in self.rows:
            first, *rest = [
                (kind or ' class="long"' * (len(cell.text) > LONG), cell.html(note))
                for cell, kind, note in zip(row, kinds, beside, strict=True)
            ]
            cells = "".join(f"<td{kind}>{text}</td>" for kind, text in rest)
            body += f'<tr><th scope="row"{first[0]}>{first[1]}</th>{cells}</tr>\n'
        name = escape(self.caption.partition(".")[0])
        return (
            f'<figure class="table"><div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>"
            f"<figcaption>{prose(self.caption)}</figcaption></figure>\n"
        )

    def markdown(self) -> str:
        rule = ["---:" if column in self.numbers else "---" for column in self.columns]
        rows = [[cell.markdown() for cell in row] for row in self.rows]
        lines = [[markdown_text(text) for text in self.columns], rule, *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{markdown_text(self.caption)}\n"


@dataclass(frozen=True)
class Heading:
    """A title of a section, and the name under which a link finds it."""

    level: int
    text: str
    anchor: str = ""

    def html(self) -> str:
        anchor = f' id="{escape(self.anchor)}"' if self.anchor else ""
        return f"<h{self.level}{anchor}>{escape(self.text)}</h{self.level}>\n"

    def markdown(self) -> str:
        return f"{'#' * self.level} {markdown_text(self.text)}\n"


def _slug(text: str) -> str:
    """The name that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@dataclass(frozen=True)
class Contents:
    """Links to the headings that have an anchor."""

    headings: tuple[Heading, ...]

    def html(self) -> str:
        links = [f'<a href="#{escape(heading.anchor)}">{escape(heading.text)}</a>' for heading in self.headings]
        return f'<nav aria-label="Sections">{"".join(links)}</nav>\n'

    def markdown(self) -> str:
        return " · ".join(f"[{markdown_text(each.text)}](#{_slug(each.text)})" for each in self.headings) + "\n"


@dataclass(frozen=True)
class Paragraph:
    text: str

    def html(self) -> str:
        return f"<p>{prose(self.text)}</p>\n"

    def markdown(self) -> str:
        return f"{markdown_text(self.text)}\n"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    texts: tuple[str, ...]

    def html(self) -> str:
        return "<ul>\n" + "".join(f"<li>{prose(text)}</li>\n" for text in self.texts) + "</ul>\n"

    def markdown(self) -> str:
        return "".join(f"- {markdown_text(text)}\n" for text in self.texts)


@dataclass(frozen=True)
class Figure:
    """Panels of SVG, or images, over a caption: what is shown, and what it says. `files`: addresses of the panels."""

    panels: tuple[str, ...]
    title: str
    finding: str
    files: tuple[str, ...] = ()

    def html(self) -> str:
        panels = "".join(self.panels)
        if len(self.panels) > 1:
            panels = f'<div class="panels">{panels}</div>'
        caption = f"<figcaption><b>{prose(self.title)}</b> {prose(self.finding)}</figcaption>"
        return f"<figure>{panels}{caption}</figure>\n"

    def markdown(self) -> str:
        title, shown = markdown_text(self.title), "" if self.files else " (In the HTML page.)"
        panels = "".join(f"![{title}]({_url(address)})\n" for address in self.files)
        return f"{panels}\n**{title}** {markdown_text(self.finding)}{shown}\n".lstrip("\n")


def images(pngs: Sequence[str]) -> str:
    """A panel of a few images, each a base64 PNG."""
    shown = "".join(f'<img alt="" src="data:image/png;base64,{escape(png)}">' for png in pngs)
    return f'<div class="images">{shown}</div>'


@dataclass(frozen=True)
class Grid:
    """Figures side by side where there is room."""

    kind: str
    members: tuple[Figure, ...]

    def html(self) -> str:
        return f'<div class="{self.kind}">\n' + "".join(member.html() for member in self.members) + "</div>\n"

    def markdown(self) -> str:
        return "\n".join(member.markdown() for member in self.members)


Block = Heading | Contents | Paragraph | Points | Figure | Grid | Table


def prefix_links(blocks: Sequence[Block], way: str) -> list[Block]:
    """The blocks with `way` before every address in a table: from the page to where the paths of records begin."""

    def cell(each: Cell) -> Cell:
        return replace(each, links=tuple((text, way + address) for text, address in each.links))

    return [
        replace(block, rows=tuple(tuple(map(cell, row)) for row in block.rows)) if isinstance(block, Table) else block
        for block in blocks
    ]


def html_page(blocks: Sequence[Block]) -> str:
    """One HTML page; the first block is its title."""
    title, *body = blocks
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title.text)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{title.html()}{''.join(block.html() for block in body)}</main>\n</body>\n</html>\n"
    )


def markdown_page(blocks: Sequence[Block]) -> str:
    """The same blocks as Markdown."""
    return "\n".join(block.markdown() for block in blocks)

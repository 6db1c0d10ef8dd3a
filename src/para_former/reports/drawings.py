"""The drawings of a document as files beside its Markdown: SVG that needs no page around it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from para_former.reports.document import Block, Figure, Grid, Heading
from para_former.reports.style import variables

SCALE = 1.4
"""pixels for a unit of a drawing, which a page would stretch to its column"""
LONGEST = 140
"""letters of a name"""
STYLE = (
    f"<style>svg {{ {variables(0)} color: var(--ink); background: var(--page); font-family: system-ui, sans-serif; }} "
    f"@media (prefers-color-scheme: dark) {{ svg {{ {variables(1)} }} }}</style>"
)


def with_files(blocks: Sequence[Block], folder: str) -> tuple[list[Block], dict[str, str]]:
    """`blocks` whose figures know the addresses of their drawings in `folder`, and what each file holds, by its name.

    Names are those of section and figure, so that a file keeps its own when others come or go. Images have no files.
    """
    files: dict[str, str] = {}
    placed: list[Block] = []
    section = part = ""

    def place(figure: Figure) -> Figure:
        addresses = []
        for panel in figure.panels:
            if panel.startswith("<svg"):
                name = _free_name(f"{section} {part} {figure.title}", files)
                files[name] = _alone(panel)
                addresses.append(f"{folder}/{name}")
        return replace(figure, files=tuple(addresses))

    for block in blocks:
        if isinstance(block, Heading):
            section, part = (block.anchor, "") if block.level == 2 else (section, block.text)
        elif isinstance(block, Figure):
            block = place(block)
        elif isinstance(block, Grid):
            block = replace(block, members=tuple(place(figure) for figure in block.members))
        placed.append(block)
    return placed, files


def _free_name(text: str, taken: dict[str, str]) -> str:
    """A name of a file from `text`; the second of its kind ends in -2."""
    name = "-".join(re.findall("[a-z0-9]+", text.lower()))[:LONGEST].rstrip("-")
    return next(each for k in count(1) if (each := f"{name}{f'-{k}' * (k > 1)}.svg") not in taken)


def _alone(svg: str) -> str:
    """A drawing for a page with a size, the page's colours and a ground of its own."""
    width, height = (float(size) * SCALE for size in re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg).groups())
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
    return re.sub("^<svg([^>]*>)", lambda tag: f"{opening}{tag[1]}{STYLE}", svg) + "\n"

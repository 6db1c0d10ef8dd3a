"""The report: every experiment found in a set of records, as an HTML page and as Markdown, and their way to the disk.

The order of all sections and the wording of those on one data set live here; numbers come from `experiments`, cells
from `tables`, sentences from `findings`, drawings from `plots`. The page depends on the records alone: the same records
give the same bytes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from para_former.errors import InputError
from para_former.records import STUDIES, Record, expect_file, expect_folder, find_records, write_together
from para_former.reports import findings, paper, plots, tables
from para_former.reports.ablation import ablation_section
from para_former.reports.bench_section import bench_section
from para_former.reports.data_effect import data_effect_section
from para_former.reports.document import (
    Block,
    Contents,
    Figure,
    Grid,
    Heading,
    Paragraph,
    Points,
    html_page,
    images,
    markdown_page,
    prefix_links,
)
from para_former.reports.drawings import with_files
from para_former.reports.experiments import Experiment, experiments
from para_former.reports.frontier import frontier_section
from para_former.reports.reproduction import (
    answers_section,
    fingerprint_section,
    reproduction_section,
    with_normed_residual,
)
from para_former.reports.runs import Run, collect
from para_former.reports.series import SIZE
from para_former.reports.theory import collect_theory, theory_section
from para_former.reports.transfer import transfer_section

INTRODUCTION = (
    "Para-F-m-n is a vision transformer whose n modules stand as n/m parallel branches, each m modules deep: all "
    "branches read the same embedded image, their outputs are summed, normalised and classified. Its sequential "
    "depth, the number of modules that must wait for one another, is m; n is called its layers. With m = n it is an "
    "ordinary serial ViT, with m = 1 no module waits for another."
)
ORIGIN = (
    "Every measured number below is read from a record of a run; what has no record reads “not measured”. Figures "
    f"marked as the paper's are from Tables 1 to 4 of {paper.SOURCE}."
)


def write_report(roots: Sequence[Path], output: Path, markdown: Path | None = None) -> tuple[Path, Path]:
    """Write `report.html` into the folder `output`, from all records at or below `roots`, and the text to `markdown`.

    The text goes to `report.md` beside the page when `markdown` is left out, its drawings into the folder
    `report_figures` beside it. Links are relative.
    """
    files = {path.parent.resolve() / path.name: records for path, records in find_records(roots)}
    if not any("kind" in record for records in files.values() for record in records):
        raise InputError(f"{', '.join(map(str, roots))}: expected at least one record (*.jsonl), found none")
    page, text = Path(output) / "report.html", markdown or Path(output) / "report.md"
    figures = text.with_name(f"{text.stem}_figures")
    expect_folder(output)
    expect_file(text)
    expect_folder(figures)
    if os.path.realpath(text) == os.path.realpath(page):
        raise InputError(f"{text}: expected another file than that of the page")
    base = os.path.commonpath([_folder(Path(root)) for root in roots])
    records = {path.relative_to(base).as_posix(): lines for path, lines in files.items()}
    blocks = document(records)
    beside = text.is_file() or not text.exists()  # a pipe has no folder of drawings
    with_drawings, drawings = with_files(blocks, figures.name) if beside else (blocks, {})

    def way(path: Path) -> str:
        relative = Path(os.path.relpath(base, path.resolve().parent)).as_posix()
        return "" if relative == "." else f"{relative}/"

    contents = {figures / name: drawing for name, drawing in drawings.items()}
    contents[text] = markdown_page(prefix_links(with_drawings, way(text)))
    contents[page] = html_page(prefix_links(blocks, way(page)))
    for path in {figures, *contents} - {markdown}:  # which the user has named
        if path.is_symlink():
            raise InputError(f"{path}: expected what a report may replace, found a link")
    write_together({path: content.encode(errors="backslashreplace") for path, content in contents.items()})
    return page, text


def build_page(records_by_path: Mapping[str, list[Record]], way: str = "") -> str:
    """The report as one self-contained HTML page; `way` leads from the page to where the paths of records begin."""
    return html_page(prefix_links(document(records_by_path), way))


def build_markdown(records_by_path: Mapping[str, list[Record]], way: str = "") -> str:
    """The report as Markdown, without its drawings."""
    return markdown_page(prefix_links(document(records_by_path), way))


def document(records_by_path: Mapping[str, list[Record]]) -> list[Block]:
    """All blocks of the report; their links are the paths of the records."""
    runs, latencies = collect(records_by_path)
    ours = [run for run in runs if not run.study]
    found = experiments([run for run in ours if run.whole], latencies)
    normed = with_normed_residual(runs)
    tried, changed = (experiments([run for run in runs if run.study == study], latencies) for study in STUDIES)
    theory = collect_theory(records_by_path)
    title = Heading(1, "Para-Former: accuracy and latency, measured")
    blocks: list[Block] = []
    if any(experiment.dataset in paper.TITLES for experiment in found):
        blocks += reproduction_section(found, normed)
    blocks += answers_section(found, normed)
    blocks += frontier_section(found)
    blocks += bench_section(records_by_path)
    blocks += ablation_section(found, changed)
    blocks += data_effect_section(ours, theory)
    blocks += transfer_section(found)
    blocks += fingerprint_section(found, tried)
    for _, members in groupby(found, key=lambda experiment: experiment.dataset):
        blocks += _dataset(list(members))
    blocks += theory_section(theory, found)
    blocks += _conditions(runs, [*latencies, *theory])
    contents = Contents(tuple(block for block in blocks if isinstance(block, Heading) and block.anchor))
    return [title, Paragraph(INTRODUCTION), Paragraph(ORIGIN), contents, *blocks]


def _folder(root: Path) -> Path:
    return (root if root.is_dir() else root.parent).resolve()


def _paper_says(dataset: str) -> str:
    if dataset not in paper.TABLE_1:
        return "The paper does not use this data set."
    sizes = paper.TABLE_1[dataset]
    return (
        f"The paper's Table 1 gives {sizes['classes']} classes and {sizes['train']:,} / {sizes['validation']:,} / "
        f"{sizes['test']:,} images to train, validate and test. {paper.MISPRINTS.get(dataset, '')} A serial ViT of 12 "
        f"layers, fine-tuned there from ImageNet weights, reaches {paper.TABLE_4[dataset]:.2f} % (Table 4); the "
        "paper's other figures are of networks trained from scratch."
    )


def _dataset(members: Sequence[Experiment]) -> Iterator[Block]:
    """Every experiment on one data set, and the classes of the most accurate network among them."""
    dataset = members[0].dataset
    yield Heading(2, tables.title(dataset), anchor=f"data-{dataset}")
    yield Paragraph(_paper_says(dataset))
    for experiment in members:
        yield from _experiment(experiment)
    if tested := [experiment for experiment in members if experiment.best]:
        yield from _classes(max(tested, key=lambda experiment: experiment.best.top1))


def _experiment(experiment: Experiment) -> Iterator[Block]:
    yield Heading(3, experiment.name[0].upper() + experiment.name[1:])
    yield tables.accuracy_table(experiment)
    yield Paragraph(findings.training(experiment))
    layers, curves = plots.accuracy_against_layers(experiment), plots.learning_curves(experiment)
    marks = "Line: depth 1. Circle: depth 1; square: 2; triangle: 3; diamond: 6. Bars: spread over seeds."
    drawings = [("Accuracy against layers.", layers, marks), ("Learning curves.", curves, findings.course(experiment))]
    yield Grid("figures", tuple(Figure((svg,), title, text) for title, svg, text in drawings if svg))


def _classes(experiment: Experiment) -> Iterator[Block]:
    """Accuracy of each class by its best network, and images of a few classes, as the paper's Figures 4 and 5."""
    network, run = experiment.best, experiment.best.middle_run
    classes, top1, confusion = (run.test[name] for name in ("classes", "per_class_top1", "confusion"))
    ranked = sorted((k for k in range(len(classes)) if top1[k] is not None), key=lambda k: -top1[k])
    best, middle, worst = (f"{top1[k]:.1f} % ({classes[k]})" for k in (ranked[0], ranked[len(ranked) // 2], ranked[-1]))
    bars = Figure(
        tuple(plots.class_accuracy(experiment, network, [classes[k] for k in ranked], [top1[k] for k in ranked])),
        "Test accuracy of each class.",
        f"From {best} down to {worst}; the middle class is at {middle}.",
    )
    samples = []
    for rank, k in enumerate(ranked, start=1):
        if pngs := run.test["samples"].get(classes[k]):
            place = {1: "Best class", len(ranked): "Worst class"}.get(rank, f"Rank {rank} of {len(ranked)}")
            title = f"{place}: {classes[k]}, {top1[k]:.1f} %."
            samples.append(Figure((images(pngs),), title, _mistaken(classes, confusion[k], k)))
    runs = len(network.tested)
    which = "middle" if runs % 2 else "lower" if runs == 2 else "lower middle"
    among = f", the {which} one of {runs} runs" if runs > 1 else ""
    yield Heading(3, f"Class by class: {network.label}, {experiment.name}, seed {run.line['seed']}{among}")
    if len(bars.panels) == 1:
        yield Grid("samples", (bars, *samples))
    else:
        yield bars
        yield Grid("samples", tuple(samples))


def _mistaken(classes: list[str], row: list[int], index: int) -> str:
    """What images of one class are most often taken for, from its row of the confusion matrix."""
    wrong = [count * (column != index) for column, count in enumerate(row)]
    most = max(range(len(wrong)), key=lambda column: wrong[column])
    return f"Most often taken for {classes[most]}: {wrong[most]} of {sum(row)}." if wrong[most] else "Never mistaken."


def _conditions(runs: list[Run], others: list[Record]) -> Iterator[Block]:
    """What every number on the page depends on; `others` are measurements of other kinds than training."""
    yield Heading(2, "Conditions", anchor="conditions")
    places = tables.number_places([*(line for run in runs for line, _ in run.pieces), *others])
    latencies = [record for record in others if record["kind"] == "latency"]
    if runs:
        yield Paragraph(
            "The test split is read once, after the last epoch; the last epoch counts, not the best. Runs in one cell "
            "of a table share all settings but the seed."
        )
        ordered = experiments(runs, [], aside=SIZE)
        told = [experiment for experiment in ordered if not experiment.recipe.endswith(STUDIES)]
        everywhere = _shared([run for experiment in told for run in experiment.runs]) if len(told) > 1 else {}
        if everywhere:
            yield Paragraph(f"Settings of all runs: {_words(everywhere)}.")
        yield Points(tuple(_settings(experiment, everywhere) for experiment in told))
        runs = [run for experiment in ordered for run in experiment.runs]
    yield tables.place_table(places)
    if runs:
        yield tables.run_table(runs, places)
    if latencies:
        yield tables.latency_table(latencies, places)


def _settings(experiment: Experiment, elsewhere: Mapping[str, str]) -> str:
    """The splits and the settings that the runs of an experiment share, but those that all runs share."""
    shared = {key: value for key, value in _shared(experiment.runs).items() if key not in elsewhere}
    sizes = " or ".join(
        sorted({tables.split_sizes(run) for run in experiment.runs}, key=lambda text: (len(text), text))
    )
    return f"{tables.full_name(experiment)}: {sizes} images to train, validate and test; {_words(shared)}."


def _shared(runs: Sequence[Run]) -> dict[str, str]:
    first, *others = [run.settings for run in runs]
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _words(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()).replace('"', "") or "none in common"

"""The section of a report on `bench` records: which blocks, in which order, and the words around them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from para_former.records import Record
from para_former.reports import bench_findings, bench_plots, bench_tables
from para_former.reports.bench import Point, Suite, collect_bench, distinct
from para_former.reports.document import Block, Figure, Grid, Heading, Paragraph, Points, Table
from para_former.reports.tables import NOT_MEASURED, counted, listing, processor, span

INTRODUCTION = (
    "Networks of equal layers, width, heads and tokens, timed in turns in one run. Serial, the baseline, is timm's ViT "
    "with as many layers, eager; in the suite grid the baseline is the loop of branches. Ours is prepared, "
    "pf.prepare(model), in inference and stacked, the model itself, in training; both compute the function of the "
    "branches, not that of the serial network. A speed-up is the time of the baseline over that of another, round by "
    "round, and over any other peer the quotient of two medians: above 1 the other is faster. Faster and slower are "
    "said only where both quartiles agree; between them a network is level. A point is one network with one "
    "input: width, read-out, batch and tokens."
)
DEVICES = {"cpu": ("CPU", "cpu"), "cuda": ("GPU", "gpu")}
"""device of a record: its name, and the suite that measures everything claimed of it"""
MANY = 7
"""contenders at one point, from which on they get a table of their own"""


def bench_section(records_by_path: Mapping[str, list[Record]]) -> list[Block]:
    """All blocks; none where there is no `bench` record."""
    suites = collect_bench(records_by_path)
    if not suites:
        return []
    blocks: list[Block] = [Heading(2, "Speed, beside what else could be run", anchor="bench"), Paragraph(INTRODUCTION)]
    for title, suite in _titled(suites):
        blocks += _suite(suite, title)
    for device, (name, command) in DEVICES.items():
        if not any(suite.device == device for suite in suites):
            blocks += [Heading(3, name), Paragraph(f"{name}: {NOT_MEASURED}; para-former bench --suite {command}")]
    return blocks


def overviews(records_by_path: Mapping[str, list[Record]]) -> Iterator[tuple[str, Table]]:
    """The smallest table of each suite that says what was gained, with a title."""
    for title, suite in _titled(collect_bench(records_by_path)):
        table = bench_tables.overview(suite)
        if table:
            yield title, replace(table, caption=f"Speed-up: time of {suite.peer} over ours (prepared), medians.")


def _titled(suites: Sequence[Suite]) -> Iterator[tuple[str, Suite]]:
    """Each with a title, which names the threads where two would have the same."""
    titles = Counter(map(_title, suites))
    for suite in suites:
        title = _title(suite)
        yield title if titles[title] == 1 else f"{title}, {_threads(suite)}", suite


def _suite(suite: Suite, title: str) -> Iterator[Block]:
    yield Heading(3, title)
    yield Paragraph(_conditions(suite))
    if overview := bench_tables.overview(suite):
        yield overview
    yield Points(tuple(bench_findings.sentences(suite)))
    yield Grid("figures", tuple(_figures(suite)))
    if graphs := bench_tables.graphs_table(suite):
        yield graphs
    if shared := _shared(suite):
        yield Paragraph(bench_findings.what_contributes(shared))
        yield bench_tables.shares_table(shared)
    for point in suite.inference:
        if len(point.tried) >= MANY:
            yield bench_tables.peers_table(point)
    for table in (bench_tables.training_table(suite), bench_tables.points_table(suite)):
        if table:
            yield table


def _figures(suite: Suite) -> Iterator[Figure]:
    """What a series of points that differ in one thing shows, for as many as there are."""
    if series := suite.series("layers", depth=1, batch=1):
        drawing, finding = bench_plots.latency_against_layers(series), bench_findings.growth_with_layers(series)
        yield Figure((drawing,), "Latency against layers.", finding)
    if series := suite.series("batch", depth=1):
        drawing, finding = bench_plots.speedup_against_batch(series), bench_findings.gain_with_batch(series)
        yield Figure((drawing,), "Speed-up against batch.", finding)
    if suite.baseline == "serial" and (series := suite.series("depth", batch=1)):  # what the paper compares with
        drawing, finding = bench_plots.speedup_against_depth(series), bench_findings.gain_with_depth(series)
        yield Figure((drawing,), "Speed-up against depth.", finding)


def _shared(suite: Suite) -> tuple[Point, ...]:
    """The points of one width that tell the share of each idea; those of the overview, where it has some."""
    chain = {"serial", "loop", "stacked", "prepared"}
    crossed = [point for members in suite.crossed for point in members]
    points = [point for point in crossed or suite.inference if chain <= point.contenders.keys()]
    return tuple(point for point in points if point.line["width"] == points[0].line["width"])


def _title(suite: Suite) -> str:
    name = DEVICES.get(suite.device, (suite.device,))[0]
    part = processor(suite.points[0].line) or "unknown"
    words = f"{name}, {part}, {_threads(suite)}" if suite.device == "cpu" else f"{name}, {part}"
    return f"{words}: suite {suite.name}"


def _threads(suite: Suite) -> str:
    return counted(suite.points[0].line["threads"], "thread")


def _conditions(suite: Suite) -> str:
    """What all points of a suite were measured under, and where their records are."""
    lines = [point.line for point in suite.points]
    environments = [line["environment"] for line in lines]
    hardware = dict(environments[0].get("hardware", {}))
    if "gpu_bytes" in hardware:
        hardware["gpu memory"] = f"{hardware.pop('gpu_bytes') / 2**30:.0f} GiB"
    versions = {
        key: span([environment.get("versions", {}).get(key, "unknown") for environment in environments])
        for key in ("python", "torch", "timm", "vit-pytorch")
    }
    commits = ", ".join(distinct(str(environment.get("commit", "unknown")) for environment in environments))
    files = ", ".join(distinct(point.path for point in suite.points))
    rounds = span([line["rounds"] for line in lines if "rounds" in line] or ["unknown"])
    return (
        f"Points: {len(lines)}. Hardware: {listing(hardware)}. Threads: "
        f"{lines[0]['threads']}. Clocks: {_clocks(environments) or 'unknown'}. Rounds a point: {rounds}. "
        f"Versions: {listing(versions)}. Commit: {commits}. Records: {files}."
    )


def _clocks(environments: Sequence[Record]) -> str:
    """Every clock by name, from its least to its largest value over the points."""
    clocks: dict[str, list] = {}
    for environment in environments:
        for key, value in environment.get("clocks", {}).items():
            clocks.setdefault(key, []).extend(value if isinstance(value, list) else [value])

    def shown(value: float | str) -> str:
        return f"{value:.0f}" if isinstance(value, float) else str(value)

    return ", ".join(
        f"{key.removesuffix('_mhz')} {span(values, shown)}{' MHz' * key.endswith('_mhz')}"
        for key, values in clocks.items()
        if values
    )

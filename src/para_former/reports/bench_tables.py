"""Tables of `bench` records: every figure in them stands in a record, what does not reads `not measured`."""

from collections.abc import Callable, Sequence

from para_former.reports.bench import FEWER_KERNELS, GRAPHED, Point, Suite, Summary, column, distinct
from para_former.reports.bench_findings import inputs, network, shares, worst
from para_former.reports.document import Cell, Table
from para_former.reports.tables import milliseconds, not_measured, quartiles, ratio

MEANING = {
    "serial": "timm's ViT, eager",
    "serial-compiled": "timm's ViT under torch.compile",
    "serial-graph": "timm's ViT as one CUDA graph",
    "serial-readout": "timm's ViT, its last block reduced to the class token",
    "encoder": "torch.nn.TransformerEncoder",
    "vit-pytorch": "vit-pytorch's ViT",
    "vit-pytorch-parallel": "vit-pytorch's parallel ViT",
    "loop": "branches in a Python loop, stacked and summed",
    "vmap": "torch.vmap over the branches",
    "stacked": "ours: ParaFormer as it is trained, eager",
    "stacked-compiled": "ours: the same under torch.compile",
    "prepared": "ours: pf.prepare(model)",
    "prepared-bf16": "ours: the same in bfloat16",
    "prepared-compiled": 'ours: pf.prepare(model, "compiled")',
    "prepared-fused": 'ours: pf.prepare(model, "fused")',
}
TEXTS = {"Network", "Read-out", "Dtype", "Ours", "Contender", "What it is", "Fastest other peer", "Note"}
"""columns that are not numbers"""
PLACE = ("Network", "Width", "Read-out", "Dtype", "Batch", "Tokens")
WORST = 12  # rows, where a suite has too many points for a table of all
MOST_ROWS = 100


def overview(suite: Suite) -> Table | None:
    """Speed-up of ours over a serial network, or the suite's baseline: a row a network, a column an input."""
    if not suite.crossed:
        return None
    peer, columns = suite.peer, distinct(column(point) for members in suite.crossed for point in members)
    measured, rows = 0, []
    for members in suite.crossed:
        by_column = {column(point): point for point in members}
        cells = [_speedup(by_column.get(key), peer) for key in columns]
        measured += sum(cell.kind != "missing" for cell in cells)
        rows.append((*_place(members[0])[:4], *cells))
    titles = [f"batch {batch}, {patches} patches" for batch, patches in columns]
    caption = (
        f"Speed-up: time of {peer} over ours (prepared), medians; {measured} of {len(rows) * len(columns)} cells "
        "measured."
    )
    if any(cell.below for cells in rows for cell in cells):
        caption += (
            f" Small print: slower, where even the upper quartile is below 1; and the fastest peer, with its time "
            f"over ours, where it is not {peer}."
        )
    return Table(caption, (*PLACE[:4], *titles), frozenset({"Width", *titles}), tuple(rows))


def points_table(suite: Suite) -> Table | None:
    """Every point of inference; of a suite with more points than a page can show, those least favourable to us."""
    points = suite.inference
    if not points:
        return None
    caption = "Every point: median, below it the quartiles."
    if len(points) > MOST_ROWS:
        caption = f"The {WORST} points of {len(points)} at which ours gains least: median, below it the quartiles."
        points = worst(points)[:WORST]
    figures = (f"{suite.baseline.capitalize()}, ms", "Prepared, ms", "Speed-up", "Relative error")
    columns = (*PLACE, *figures, "Fastest other peer", "Its ms")
    rows = tuple(
        (*_place(point), *_compared(point, point.ours), _error(point, point.ours), *_other(point)) for point in points
    )
    caption += (
        f" Speed-up is the time of {suite.baseline} over ours, round by round. Relative error: the largest, against "
        "a loop in float64. Other peer: the fastest of what is neither ours nor the baseline."
    )
    return Table(caption, columns, _numbers(columns), rows)


def training_table(suite: Suite) -> Table | None:
    """Forward and backward pass: every contender of every point, its memory beside its time."""
    if not suite.training:
        return None
    columns = (*PLACE, "Contender", "Step, ms", "Speed-up", "Relative error", "Peak memory, MiB", "Of the baseline's")
    rows = []
    for point in suite.training:
        for contender in sorted(point.tried, key=lambda each: _ms(point, each)):
            if contender not in point.contenders:
                missing = (_missing(point, contender), *[_missing(point)] * 4)
                rows.append((*_place(point), Cell(contender), *missing))
                continue
            peak, most = (point.contenders.get(each, {}).get("peak_bytes") for each in (contender, point.baseline))
            memory = Cell(f"{peak / 2**20:,.1f}") if peak else _missing(point)
            share = Cell(f"{peak / most:.1%}".replace("%", " %")) if peak and most else _missing(point)
            times = (_quartiles(point.time(contender), milliseconds), _quartiles(point.speedup(contender), ratio))
            rows.append((*_place(point), Cell(contender), *times, _error(point, contender), memory, share))
    caption = (
        f"A training step, forward and backward without the optimiser. Speed-up is the time of {suite.baseline} over "
        "the contender's, round by round. Relative error: of the gradient of the patch projection. Memory is counted "
        "beyond weights and images."
    )
    return Table(caption, columns, _numbers(columns), tuple(rows))


def graphs_table(suite: Suite) -> Table | None:
    """On a GPU, one CUDA graph of ours beside one of a serial network: as it is, and of fewer kernels."""
    peers = (GRAPHED, "serial-compiled")
    columns = (
        *PLACE,
        "Ours",
        "ms",
        *(f"{peer.capitalize()}, ms" for peer in peers),
        *(f"Over {peer}" for peer in peers),
    )
    rows = []
    for point in suite.inference:
        forms = [name for name in (point.ours, *FEWER_KERNELS) if name in point.contenders]
        if GRAPHED not in point.contenders or forms == [point.ours]:
            continue
        times = [_quartiles(point.time(peer), milliseconds) for peer in peers]
        for form in forms:
            over = (_quartiles(point.versus(peer, form), ratio) for peer in peers)
            rows.append((*_place(point), Cell(form), _quartiles(point.time(form), milliseconds), *times, *over))
    if not rows:
        return None
    caption = (
        "Each network recorded as one CUDA graph: as it is; compiled before (torch.compile, max-autotune), the serial "
        "network likewise; and of kernels of ours (fused). Over: the peer's time over ours, the quartiles the widest "
        "that the two times allow."
    )
    return Table(caption, columns, _numbers(columns), tuple(rows))


def shares_table(points: Sequence[Point]) -> Table:
    """The speed-up of each point as a product of steps, one idea each."""
    columns = (*PLACE, "Serial, ms", "Read-out alone", "Loop of branches", "Fusion and read-out", "Preparing", "In all")
    rows = []
    for point in points:
        steps = shares(point)
        cells = [Cell(ratio(step)) if step else _missing(point) for step in steps]
        rows.append((*_place(point), Cell(milliseconds(point.time("serial")["median"])), *cells))
    caption = (
        "Who contributes what. Read-out alone: serial over serial with its last block reduced to the class token, "
        "beside the chain, not in it. Then the chain: serial over the loop of branches, the loop over stacked "
        "(products fused over branches, and the read-out), stacked over prepared (weights folded, branches in blocks, "
        "the last product of a mean once an image; on a GPU all of it as one CUDA graph). Its three steps multiply to "
        "the speed-up in all."
    )
    return Table(caption, columns, _numbers(columns), tuple(rows))


def peers_table(point: Point) -> Table:
    """Everything timed at one point, the fastest first, and after it what could not be timed."""
    columns = ("Contender", "What it is", "ms", f"{point.baseline.capitalize()} over it", "Relative error", "Note")
    rows = []
    for contender in sorted(point.tried, key=lambda each: _ms(point, each)):
        place = (Cell(contender), Cell(MEANING.get(contender, "")))
        if contender not in point.contenders:
            rows.append((*place, _missing(point, contender), *[_missing(point)] * 2, Cell("")))
            continue
        times = (_quartiles(point.time(contender), milliseconds), _quartiles(point.speedup(contender), ratio))
        note = Cell(point.contenders[contender]["note"] or "")
        rows.append((*place, *times, _error(point, contender), note))
    caption = (
        f"All contenders at {network(point)}, {inputs(point)}, the fastest first: median, below it the quartiles. "
        "A dash for the error: another function of the same sizes, not checked."
    )
    return Table(caption, columns, _numbers(columns), tuple(rows))


def _place(point: Point) -> tuple[Cell, ...]:
    fields = (str(point.line[field]) for field in ("width", "pool", "dtype", "batch", "tokens"))
    return Cell(f"Para-F-{point.network}"), *(Cell(text) for text in fields)


def _numbers(columns: Sequence[str]) -> frozenset[str]:
    return frozenset(columns) - TEXTS


def _speedup(point: Point | None, peer: str) -> Cell:
    measured = point and point.versus(peer)
    if not measured:
        return not_measured()
    fastest = point.fastest_peer
    notes = ["slower"] if measured["q3"] < 1 else []
    notes += [] if fastest == peer else [f"{ratio(point.versus(fastest)['median'])} {fastest}"]
    return Cell(ratio(measured["median"]), below=", ".join(notes))


def _compared(point: Point, ours: str) -> tuple[Cell, ...]:
    times = [
        _quartiles(point.time(each), milliseconds) if point.time(each) else _missing(point, each)
        for each in (point.baseline, ours)
    ]
    return *times, _quartiles(point.speedup(ours), ratio)


def _other(point: Point) -> tuple[Cell, Cell]:
    fastest = next((each for each in point.peers if each != point.baseline), None)
    return (Cell(fastest), _quartiles(point.time(fastest), milliseconds)) if fastest else (Cell("–"), Cell("–"))


def _error(point: Point, contender: str) -> Cell:
    if contender not in point.contenders:
        return _missing(point)
    error = point.contenders[contender]["relative_error"]
    return Cell("–" if error is None else f"{error:.0e}")


def _ms(point: Point, contender: str) -> tuple:
    measured = point.time(contender)
    return (measured is None, measured["median"] if measured else 0, contender)


def _quartiles(measured: Summary | None, form: Callable[[int | float], str]) -> Cell:
    return not_measured() if measured is None else quartiles(measured, form)


def _missing(point: Point, contender: str = "") -> Cell:
    return not_measured(point.line["not_measured"].get(contender, ""))

"""Tables of `bench` records: every figure in them stands in a record, what does not reads `not measured`."""

from collections.abc import Sequence

from para_former.reports.bench import FEWER_KERNELS, GRAPHED, Point, Suite, column, distinct
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
WORST = 12  # rows, where a suite has too many points for a table of all
MOST_ROWS = 100


def overview(suite: Suite) -> Table | None:
    """Speed-up of ours over a serial network, or the suite's baseline: a row a network, a column an input."""
    if not suite.crossed:
        return None
    peer, columns = suite.peer, distinct(column(point) for members in suite.crossed for point in members)
    rows, found = [], []
    for members in suite.crossed:
        by_column = {column(point): point for point in members}
        cells = {f"batch {key[0]}, {key[1]} patches": _speedup(by_column.get(key), peer) for key in columns}
        found += cells.values()
        rows.append({**_built(members[0]), **cells})
    measured = sum(cell.kind != "missing" for cell in found)
    caption = f"Speed-up: time of {peer} over ours (prepared), medians; {measured} of {len(found)} cells measured."
    if any(cell.below for cell in found):
        caption += (
            f" Small print: slower, where even the upper quartile is below 1; and the fastest peer, with its time "
            f"over ours, where it is not {peer}."
        )
    return Table.from_rows(caption, rows, TEXTS)


def points_table(suite: Suite) -> Table | None:
    """Every point of inference; of a suite with more points than a page can show, those least favourable to us."""
    points = suite.inference
    if not points:
        return None
    caption = "Every point: median, below it the quartiles."
    if len(points) > MOST_ROWS:
        caption = f"The {WORST} points of {len(points)} at which ours gains least: median, below it the quartiles."
        points = worst(points)[:WORST]
    floors = any(point.floor for point in points)
    rows = [
        {
            **_place(point),
            f"{suite.baseline.capitalize()}, ms": _time(point, point.baseline),
            "Prepared, ms": _time(point, point.ours),
            **({"Floor, ms": _floor(point)} if floors else {}),
            "Speed-up": quartiles(point.speedup(point.ours), ratio),
            "Relative error": _error(point, point.ours),
            **_other(point),
        }
        for point in points
    ]
    caption += (
        f" Speed-up is the time of {suite.baseline} over ours, round by round. Relative error: the largest, against "
        "a loop in float64. Other peer: the fastest of what is neither ours nor the baseline."
    )
    if floors:
        caption += (
            " Floor: the longer of reading the weights once, where a cache may not hold them, and of all operations, "
            "at the best rates that any record of this machine shows, without what calls cost; below it how many times "
            "as long ours takes."
        )
    return Table.from_rows(caption, rows, TEXTS)


def training_table(suite: Suite) -> Table | None:
    """Forward and backward pass: every contender of every point, its memory beside its time."""
    rows = []
    for point in suite.training:
        for contender in point.tried:
            peak, most = (point.contenders.get(each, {}).get("peak_bytes") for each in (contender, point.baseline))
            share = f"{peak / most:.1%}".replace("%", " %") if peak and most else not_measured()
            rows.append(
                {
                    **_place(point),
                    "Contender": contender,
                    "Step, ms": _time(point, contender),
                    "Speed-up": quartiles(point.speedup(contender), ratio),
                    "Relative error": _error(point, contender),
                    "Peak memory, MiB": f"{peak / 2**20:,.1f}" if peak else not_measured(),
                    "Of the baseline's": share,
                }
            )
    if not rows:
        return None
    caption = (
        f"A training step, forward and backward without the optimiser. Speed-up is the time of {suite.baseline} over "
        "the contender's, round by round. Relative error: of the gradient of the patch projection. Memory is counted "
        "beyond weights and images."
    )
    return Table.from_rows(caption, rows, TEXTS)


def graphs_table(suite: Suite) -> Table | None:
    """On a GPU, one CUDA graph of ours beside one of a serial network: as it is, and of fewer kernels."""
    peers = (GRAPHED, "serial-compiled")
    rows = []
    for point in suite.inference:
        forms = [name for name in (point.ours, *FEWER_KERNELS) if name in point.contenders]
        if GRAPHED not in point.contenders or forms == [point.ours]:
            continue
        times = {f"{peer.capitalize()}, ms": quartiles(point.time(peer), milliseconds) for peer in peers}
        for form in forms:
            over = {f"Over {peer}": quartiles(point.versus(peer, form), ratio) for peer in peers}
            own = quartiles(point.time(form), milliseconds)
            rows.append({**_place(point), "Ours": form, "ms": own, **times, **over})
    if not rows:
        return None
    caption = (
        "Each network recorded as one CUDA graph: as it is; compiled before (torch.compile, max-autotune), the serial "
        "network likewise; and of kernels of ours (fused). Over: the peer's time over ours, the quartiles the widest "
        "that the two times allow."
    )
    return Table.from_rows(caption, rows, TEXTS)


def shares_table(points: Sequence[Point]) -> Table:
    """The speed-up of each point as a product of steps, one idea each."""
    names = ("Read-out alone", "Loop of branches", "Fusion and read-out", "Preparing", "In all")
    rows = []
    for point in points:
        serial = milliseconds(point.time("serial")["median"])
        steps = [ratio(step) if step else not_measured() for step in shares(point)]
        rows.append({**_place(point), "Serial, ms": serial, **dict(zip(names, steps, strict=True))})
    caption = (
        "Who contributes what. Read-out alone: serial over serial with its last block reduced to the class token, "
        "beside the chain, not in it. Then the chain: serial over the loop of branches, the loop over stacked "
        "(products fused over branches, and the read-out), stacked over prepared (weights folded, branches in blocks, "
        "the last product of a mean once an image; on a GPU all of it as one CUDA graph). Its three steps multiply to "
        "the speed-up in all."
    )
    return Table.from_rows(caption, rows, TEXTS)


def peers_table(point: Point) -> Table:
    """Everything timed at one point, the fastest first, and after it what could not be timed."""
    rows = [
        {
            "Contender": contender,
            "What it is": MEANING.get(contender, ""),
            "ms": _time(point, contender),
            f"{point.baseline.capitalize()} over it": quartiles(point.speedup(contender), ratio),
            "Relative error": _error(point, contender),
            "Note": point.contenders.get(contender, {}).get("note") or "",
        }
        for contender in point.tried
    ]
    caption = (
        f"All contenders at {network(point)}, {inputs(point)}, the fastest first: median, below it the quartiles. "
        "A dash for the error: another function of the same sizes, not checked."
    )
    return Table.from_rows(caption, rows, TEXTS)


def _built(point: Point) -> dict[str, str]:
    line = point.line
    return {"Network": network(point), "Width": str(line["width"]), "Read-out": line["pool"], "Dtype": line["dtype"]}


def _place(point: Point) -> dict[str, str]:
    return {**_built(point), "Batch": str(point.line["batch"]), "Tokens": str(point.line["tokens"])}


def _speedup(point: Point | None, peer: str) -> Cell:
    measured = point and point.versus(peer)
    if not measured:
        return not_measured()
    fastest = point.fastest_peer
    notes = ["slower"] if measured["q3"] < 1 else []
    notes += [] if fastest == peer else [f"{ratio(point.versus(fastest)['median'])} {fastest}"]
    return Cell(ratio(measured["median"]), below=", ".join(notes))


def _time(point: Point, contender: str) -> Cell:
    """Milliseconds, or why there are none."""
    if contender in point.contenders:
        return quartiles(point.time(contender), milliseconds)
    return not_measured(point.line["not_measured"].get(contender, ""))


def _floor(point: Point) -> Cell:
    """The least time for ours, below it how far above it ours is."""
    ours = point.time(point.ours)
    if point.floor is None:
        return not_measured()
    return Cell(milliseconds(point.floor), below=ratio(ours["median"] / point.floor) if ours else "")


def _other(point: Point) -> dict[str, Cell | str]:
    fastest = next((each for each in point.peers if each != point.baseline), None)
    return {"Fastest other peer": fastest or "–", "Its ms": _time(point, fastest) if fastest else "–"}


def _error(point: Point, contender: str) -> Cell:
    if contender not in point.contenders:
        return not_measured()
    error = point.contenders[contender]["relative_error"]
    return Cell("–" if error is None else f"{error:.0e}")

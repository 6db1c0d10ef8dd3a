"""What `bench` records say, in sentences: each computed from the figures in the tables, none beyond them.

Faster means that even the lower quartile of a ratio is above 1, slower that even the upper one is below; between the
two a network is said to be level.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from para_former.reports.bench import Point, Suite, serial_peer
from para_former.reports.tables import counted, milliseconds, ratio, span

NAMED = 3  # points named in one sentence
CALLS_COUNT_LESS = 1.0  # ms, from which on the calls of a network are a small part of its time


def sentences(suite: Suite) -> list[str]:
    """The reading of one suite's tables."""
    texts = [_against(suite.inference, suite.peer, lambda point: suite.peer)]
    if suite.baseline != "loop":
        texts.append(_against(suite.inference, "the loop of branches", lambda point: "loop"))
        texts.append(_against(suite.inference, "the model as it is", lambda point: "stacked"))
        texts.append(
            _against(suite.inference, "the fastest peer tried at each point", lambda point: point.fastest_peer)
        )
    texts += [_above_floor(suite.inference), *map(_training, suite.training)]
    return [text for text in (*texts, _errors(suite), *_remarks(suite)) if text]


def growth_with_layers(series: Sequence[Point]) -> str:
    """How times grow with n at depth 1; the paper says: not at all."""
    first, last, peer = series[0], series[-1], serial_peer(series)
    parts = []
    for contender in (peer, first.ours):
        times = [point.time(contender) for point in (first, last)]
        if all(times):
            low, high = (each["median"] for each in times)
            parts.append(
                f"{contender} takes {high / low:.1f} times as long ({milliseconds(low)} to {milliseconds(high)} ms)"
            )
    return (
        f"From {first.line['layers']} to {last.line['layers']} layers, {inputs(first)}, {' and '.join(parts)}; the "
        f"paper expects no growth at depth 1. With {last.line['layers']} layers ours is {_pace(last, peer)}."
    )


def gain_with_batch(series: Sequence[Point]) -> str:
    """How the speed-up changes with the batch, its least and its largest value."""
    peer = serial_peer(series)
    measured = [point for point in series if point.versus(peer)]
    if not measured:
        return "No speed-up has been measured here."
    ordered = sorted(measured, key=lambda point: point.versus(peer)["median"])
    least, most = ordered[0], ordered[-1]
    return (
        f"{network(least)} is {_pace(least, peer)} at batch {least.line['batch']}, where it gains least, and "
        f"{_pace(most, peer)} at batch {most.line['batch']}, where it gains most."
    )


def gain_with_depth(series: Sequence[Point]) -> str:
    """The speed-up at each depth beside the paper's n/m."""
    measured, peer = [point for point in series if point.speedup(point.ours)], serial_peer(series)
    gains = [(point, point.versus(peer)["median"]) for point in measured]
    layers = series[0].line["layers"]
    if not measured:
        where = f"With {layers} layers, {inputs(series[0])}"
        return f"The paper derives n/m. {where}, no point was measured beside a serial network."
    values = [f"{ratio(gain)} of {ratio(point.expected)} at m = {point.line['depth']}" for point, gain in gains]
    short = [point for point, gain in gains if gain < point.expected]
    verdict = "below it everywhere" if len(short) == len(measured) else f"below it at {len(short)} of {len(measured)}"
    if not short:
        verdict = "nowhere below it"
    over = f" over {peer}" if peer != series[0].baseline else ""
    return (
        f"The paper derives n/m, as if branches shared no hardware. With {layers} layers, {inputs(series[0])}, "
        f"measured are{over} {', '.join(values)}: {verdict}."
    )


def what_contributes(points: Sequence[Point]) -> str:
    """The steps from serial to prepared, at the first point and over all."""
    first = points[0]
    readout, *steps = shares(first)
    alone = f"the read-out alone brings a serial network {ratio(readout)}; " if readout else ""
    loop, fusion, prepared, whole = (ratio(step) if step else "not measured" for step in steps)
    loops = sorted(step for point in points if (step := shares(point)[1]))
    return (
        f"At {network(first)}, {inputs(first)}: {alone}the loop of branches brings {loop}, fusion and read-out "
        f"{fusion} over that, preparing {prepared} over that, {whole} in all. Over all points the loop of branches "
        f"alone brings {ratio(loops[0])} to {ratio(loops[-1])}."
    )


def shares(point: Point) -> tuple[float | None, ...]:
    """Speed-up of the read-out alone; of the loop, of fusion over the loop, of preparing over fusion; of all."""
    names = ("serial-readout", "loop", "stacked", "prepared")
    alone, loop, stacked, prepared = (each and each["median"] for each in map(point.speedup, names))
    fusion = stacked / loop if stacked and loop else None
    return alone, loop, fusion, prepared / stacked if prepared and stacked else None, prepared


def worst(points: Sequence[Point]) -> list[Point]:
    """The points with a speed-up, the least first."""
    measured = [point for point in points if point.speedup(point.ours)]
    return sorted(measured, key=lambda point: (point.speedup(point.ours)["median"], point.setting))


def network(point: Point) -> str:
    return f"Para-F-{point.network}"


def inputs(point: Point) -> str:
    """Width, read-out, batch and tokens in words; the dtype where it is not float32."""
    line = point.line
    pool = {"cls": "class token", "mean": "mean token"}.get(line["pool"], line["pool"])
    dtype = "" if line["dtype"] == "float32" else f", {line['dtype']}"
    return f"width {line['width']}, {pool}, batch {line['batch']}, {line['tokens']} tokens{dtype}"


def _against(points: Sequence[Point], peer: str, choose: Callable[[Point], str | None]) -> str:
    pairs = [(measured, point) for point in points if (measured := point.versus(choose(point)))]
    pairs.sort(key=lambda pair: (pair[0]["median"], pair[1].setting))
    if not pairs:
        return ""
    faster = [measured["median"] for measured, _ in pairs if measured["q1"] > 1]
    slower = [point for measured, point in pairs if measured["q3"] < 1]
    parts = [f"faster at {len(faster)} of {len(pairs)} points ({span(faster, ratio)})"] if faster else []
    if slower:
        more = f" and {len(slower) - NAMED} more" if len(slower) > NAMED else ""
        named = "; ".join(f"{network(point)}, {inputs(point)}" for point in slower[:NAMED])
        parts.append(f"slower at {len(slower)} of {len(pairs)} points ({named}{more})")
    if level := len(pairs) - len(faster) - len(slower):
        parts.append(f"level at {level} of {len(pairs)} points")
    least, point = pairs[0]
    quartiles = f"{ratio(least['q1'])} to {ratio(least['q3'])}"
    return (
        f"Against {peer}, ours is {', '.join(parts)}; the least ratio is {ratio(least['median'])} ({quartiles}), at "
        f"{network(point)}, {inputs(point)}."
    )


def _training(point: Point) -> str:
    if not point.speedup(point.ours):
        return ""
    peaks = [point.contenders[each]["peak_bytes"] for each in (point.ours, point.baseline)]
    share = f"{peaks[0] / peaks[1]:.1%}".replace("%", " %") if all(peaks) else ""
    memory = f", with {share} of the peak memory of {point.baseline}" if share else ""
    return f"A training step of {network(point)}, {inputs(point)}, is {_pace(point, point.baseline)}{memory}."


def _above_floor(points: Sequence[Point]) -> str:
    """How far ours is from the least time, where that is not a matter of calls."""
    pairs = [
        (point.time(point.ours)["median"], point.floor) for point in points if point.floor and point.time(point.ours)
    ]
    above = [taken / least for taken, least in pairs if taken >= CALLS_COUNT_LESS]
    if not above:
        return ""
    found = f"{span(above, ratio)} its floor, {ratio(median(above))} in the median of {counted(len(above), 'point')}"
    return f"Where ours takes a millisecond or more, it takes {found}."


def _errors(suite: Suite) -> str:
    found = [
        (point.contenders[point.ours]["relative_error"], point)
        for point in suite.inference
        if point.ours in point.contenders and point.contenders[point.ours]["relative_error"] is not None
    ]
    if not found:
        return ""
    error, point = max(found, key=lambda pair: (pair[0], pair[1].setting))
    return f"The largest relative error of ours is {error:.1e}, at {network(point)}, {inputs(point)}."


def _remarks(suite: Suite) -> list[str]:
    """What was not measured and why, and what PyTorch said of a contender: each once, with the number of points."""
    missing = Counter(pair for point in suite.points for pair in point.line["not_measured"].items())
    contenders = [contender for point in suite.points for contender in point.contenders.values()]
    noted = Counter((contender["name"], contender["note"]) for contender in contenders if contender["note"])
    return [
        f"{what} at {counted(count, 'point')}: {name}: {why.rstrip('.')}."
        for what, found in (("Not measured", missing), ("Noted", noted))
        for (name, why), count in sorted(found.items())
    ]


def _pace(point: Point, beside: str) -> str:
    """Ours beside a peer, and the fastest one where that is another: `faster than serial (15.9×)`."""
    measured = point.versus(beside)
    if not measured:
        return "not measured"
    word = "faster" if measured["q1"] > 1 else "slower" if measured["q3"] < 1 else "level"
    than = f"with {beside}" if word == "level" else f"than {beside}"
    peer = point.fastest_peer
    other = "" if peer == beside else f"; {ratio(point.versus(peer)['median'])} {peer}, the fastest peer"
    return f"{word} {than} ({ratio(measured['median'])}{other})"

"""The tables of a report: cells from experiments and records. A cell without a record behind it reads `not measured`.

How numbers are written that several tables have is here too; how a table looks is `document.py`, what it means is
`findings.py`.
"""

import json
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from para_former.records import Record
from para_former.reports import paper
from para_former.reports.document import Cell, Table
from para_former.reports.experiments import Experiment, Network, conditions, label_of
from para_former.reports.runs import Run

NOT_MEASURED = "not measured"


def accuracy_table(experiment: Experiment) -> Table:
    """One row a network: accuracy over seeds beside the paper's, latency beside that of as many layers in series."""
    published = any(network.paper_top1 is not None for network in experiment.networks)

    def row(network: Network) -> dict[str, Cell | str | int]:
        printed = "–" if network.paper_top1 is None else f"{network.paper_top1:.2f}"
        return {
            "Network": network.label,
            "Sequential depth": network.depth,
            "Parameters": f"{network.parameters:,}",
            "Test top-1, %": accuracy(network, best=network is experiment.best),
            "Seeds": _seeds(network),
            **({f"Paper, {paper.EPOCHS} epochs, %": printed} if published else {}),
            "This network, ms": latency(network),
            "Serial, ms": latency(network, "peer_ms"),
            "Speed-up": latency(network, "ratio", ratio),
        }

    return Table.from_rows(_accuracy_caption(experiment), list(map(row, experiment.networks)), {"Network"})


def number_places(records: Iterable[Record]) -> dict[str, int]:
    """A number for each distinct hardware, versions and commit under which records were made."""
    return {place: number for number, place in enumerate(sorted({_place(record) for record in records}), start=1)}


def place_table(places: dict[str, int]) -> Table:
    """Each numbered place: hardware, versions, commit."""
    rows = []
    for place, number in places.items():
        hardware, versions, commit = json.loads(place)
        rows.append((Cell(str(number)), Cell(listing(hardware)), Cell(listing(versions)), Cell(str(commit))))
    caption = "Places: where networks were trained and timed. A + behind a commit: the source differed from it."
    return Table(caption, ("Place", "Hardware", "Versions", "Commit"), frozenset(), tuple(rows))


def run_table(runs: Sequence[Run], places: dict[str, int]) -> Table:
    """Every training run: what it was, how far it came, its split and place, and a link to the file that says so."""

    def row(run: Run) -> dict[str, Cell | str | int]:
        line = run.line
        return {
            "Network": label_of(line),
            "Data set": title(line["dataset"]),
            "Recipe": line["recipe"],
            "Seed": line["seed"],
            "Epochs": f"{run.last_epoch} of {line['epochs']}",
            "Test top-1, %": not_measured(run.state) if run.top1 is None else f"{run.top1:.2f}",
            "Images/s": f"{statistics.median(run.speeds):,.0f}" if run.speeds else not_measured(),
            "Split": str(line["split"].get("hash", "unknown")),
            "Place": ", ".join(dict.fromkeys(str(places[_place(piece)]) for piece, _ in run.pieces)),
            "Record": Cell("", links=((run.path, run.path),)),
        }

    caption = (
        "Every training run. Images/s: median over its epochs at the first of its places. "
        "Split: hash of which images train and which validate."
    )
    return Table.from_rows(caption, list(map(row, runs)), {"Network", "Data set", "Recipe", "Split", "Record"})


def latency_table(latencies: Sequence[Record], places: dict[str, int]) -> Table:
    """Every latency record: both medians with quartiles, their ratio, and the conditions."""

    def row(each: Record) -> dict[str, Cell | str | int]:
        return {
            "Network": label_of(each),
            "Data set": title(each["dataset"]),
            "Device": device(each),
            **{name.capitalize(): each.get(name) or "–" for name in ("stem", "heads", "batch", "tokens", "width")},
            "This network, ms": quartiles(each["ours_ms"], milliseconds),
            "Serial, ms": quartiles(each["peer_ms"], milliseconds),
            "Speed-up": quartiles(each["ratio"], ratio),
            "Relative error": f"{each['relative_error']:.0e}",
            "Place": places[_place(each)],
        }

    ordered = sorted(latencies, key=lambda each: (each["dataset"], conditions(each), each["layers"], each["depth"]))
    caption = (
        "Every latency record: median, below it the quartiles. Speed-up is the time of the serial peer, "
        f"{_peers(latencies)}, over ours. A dash: the record does not say."
    )
    return Table.from_rows(caption, list(map(row, ordered)), {"Network", "Data set", "Device", "Stem"})


def _peers(latencies: Iterable[Record]) -> str:
    """The serial networks that these were timed beside, each of as many layers as ours."""
    return " or ".join(sorted({each["peer"].replace(f", {each['layers']} layers", "") for each in latencies}))


def title(dataset: str) -> str:
    """A data set's own name, where the paper uses it."""
    return paper.TITLES.get(dataset, dataset)


def name_of(record: Record) -> str:
    """A record's network and data set."""
    return f"{label_of(record)}, {title(record['dataset'])}"


def full_name(experiment: Experiment) -> str:
    """An experiment's data set and what tells it from others there."""
    return f"{title(experiment.dataset)}, {experiment.name}"


def device(latency: Record) -> str:
    """The conditions of a latency, in words: the processor, a CPU's threads, the number format."""
    threads = f", {latency['threads']} threads" if latency["device"] == "cpu" else ""
    return f"{processor(latency) or latency['device']}{threads}, {latency['dtype']}"


def processor(record: Record) -> str:
    """The GPU or CPU by name, as the record has it; nothing where it has none."""
    parts = record["environment"].get("hardware", {})
    return parts.get("gpu") or parts.get("cpu") or ""


def listing(fields: Record) -> str:
    """`name value` pairs in one line."""
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def split_sizes(run: Run) -> str:
    """Images to train, validate and test."""
    sizes = run.line["split"]
    return " / ".join(f"{sizes[name]:,}" for name in ("train", "validation", "test") if name in sizes)


def milliseconds(value: int | float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ratio(value: int | float) -> str:
    return f"{value:.2f}×" if value < 10 else f"{value:.1f}×"


def signed(points: float) -> str:
    return f"{points:+.2f}".replace("-", "−")


def span(values: Collection, form: Callable[[Any], str] = str) -> str:
    """One value, or the least and the largest."""
    return " to ".join(dict.fromkeys([form(min(values)), form(max(values))]))


def counted(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def duration(seconds: int | float) -> str:
    """Hours and minutes, or seconds where there are few."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def hardware(line: Record) -> str:
    """Where a `run` or `resumed` line says that a run trained: the GPU, or the threads and the name of the CPU."""
    environment = line["environment"]
    if environment.get("device", "cpu") != "cpu":
        return environment["device"]
    name, threads = environment.get("hardware", {}).get("cpu", "a CPU"), environment.get("threads")
    return f"{counted(threads, 'thread')} of {name}" if threads else name


def not_measured(reason: str = "") -> Cell:
    """A cell without a record behind it, below it why."""
    return Cell(NOT_MEASURED, below=reason, kind="missing")


def accuracy(network: Network, *, best: bool = False) -> Cell:
    """Mean test accuracy over seeds ± spread; where no run was tested, how far each came."""
    if not network.tested:
        return not_measured("; ".join(sorted({run.state for run in network.runs})))
    spread = "" if network.spread is None else f"± {network.spread:.2f}"
    return Cell(f"{network.top1:.2f}", beside=spread, kind="best" if best else "")


def linked_accuracy(network: Network, below: str = "") -> Cell:
    """The same, and below it `below` and a link to the record of each seed."""
    if not network.tested:
        return accuracy(network)
    links = tuple((f"seed {run.line['seed']}", run.path) for run in network.tested)
    return replace(accuracy(network), below=below, links=links)


def latency(network: Network, field: str = "ours_ms", form: Callable[[int | float], str] = milliseconds) -> Cell:
    """A median of the record that timed it, milliseconds of one image when left out."""
    return Cell(form(network.latency[field]["median"])) if network.latency else not_measured()


def _place(record: Record) -> str:
    environment = record["environment"]
    used = {name: environment[name] for name in ("device", "threads") if name in environment}
    hardware = {**environment.get("hardware", {}), **used}
    return json.dumps([hardware, environment.get("versions", {}), environment.get("commit", "unknown")])


def _seeds(network: Network) -> Cell:
    tested, untested = len(network.tested), len(network.runs) - len(network.tested)
    notes = [f"in {tested} runs"] if tested != network.seeds else []
    notes += [f"{untested} more untested"] if tested and untested else []
    return Cell(str(network.seeds), below=", ".join(notes))


def quartiles(measured: Mapping[str, int | float] | None, form: Callable[[int | float], str]) -> Cell:
    """The median, below it the quartiles; None where nothing was measured."""
    if measured is None:
        return not_measured()
    return Cell(form(measured["median"]), below=f"{form(measured['q1'])}–{form(measured['q3'])}")


def _accuracy_caption(experiment: Experiment) -> str:
    text = f"Test accuracy after the last of {experiment.epochs} epochs: mean ± sample standard deviation over seeds."
    timed = [network.latency for network in experiment.networks if network.latency]
    if timed:
        text += (
            f" Latency: median, batch {timed[0]['batch']}, {device(timed[0])}, the fastest where there are several. "
            f"Serial is a network of as many layers in series ({_peers(timed)}), timed in turns with ours; "
            "Speed-up is the median of its time over ours."
        )
    return text

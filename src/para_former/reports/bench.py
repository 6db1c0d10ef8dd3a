"""`bench` records, sorted into suites: one suite of points on one machine, with one number of threads.

Here record lines are grouped and asked for times and ratios; nothing is drawn, formatted or worded.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from para_former.records import Record
from para_former.reports.experiments import grouped, machine
from para_former.reports.fields import read
from para_former.reports.floor import floors

SETTING = ("mode", "depth", "layers", "width", "image_size", "patch_size", "pool", "batch", "dtype")
"""what a point is; two records that agree in all of it on one machine are one point, measured twice"""
SUITES = ("quick", "cpu", "gpu", "grid")
OURS = {"inference": "prepared", "training": "stacked"}
GRAPHED, FEWER_KERNELS = "serial-graph", ("prepared-compiled", "prepared-fused")
"""recorded as one CUDA graph: a serial network as it is, and ours of fewer kernels than `prepared`"""
Summary = Mapping[str, int | float]
"""q1, median and q3 of a time or a ratio"""


@dataclass(frozen=True)
class Point:
    """One `bench` record, the file it stands in, and the least time that ours could take, milliseconds, if known."""

    path: str
    line: Record
    floor: float | None = None

    @property
    def setting(self) -> tuple:
        return tuple(self.line[name] for name in SETTING)

    @property
    def network(self) -> str:
        return f"{self.line['depth']}-{self.line['layers']}"

    @property
    def expected(self) -> float:
        """n/m, the speed-up that the paper derives (section 3.3) for as many serial layers."""
        return self.line["layers"] / self.line["depth"]

    @property
    def patches(self) -> int:
        """Tokens without a class token: the same images for either read-out."""
        return (self.line["image_size"] // self.line["patch_size"]) ** 2

    @cached_property
    def contenders(self) -> dict[str, Record]:
        """Those that were measured, by name."""
        return {contender["name"]: contender for contender in self.line["contenders"]}

    @property
    def tried(self) -> list[str]:
        """All contenders, the fastest first, and after them those that were not measured."""

        def order(name: str) -> tuple:
            measured = self.time(name)
            return measured is None, measured["median"] if measured else 0, name

        return sorted({*self.contenders, *self.line["not_measured"]}, key=order)

    @property
    def ours(self) -> str:
        """Which of our own networks stands for us, in inference and in training."""
        return OURS[self.line["mode"]]

    @property
    def baseline(self) -> str:
        return self.line["baseline"]

    @property
    def peers(self) -> list[str]:
        """All that is measured and not ours, the fastest first."""
        ours = tuple(OURS.values())
        return [name for name in self.tried if name in self.contenders and not name.startswith(ours)]

    @property
    def fastest_peer(self) -> str | None:
        return next(iter(self.peers), None)

    def time(self, name: str) -> Summary | None:
        """Milliseconds of a contender."""
        return self.contenders[name]["ms"] if name in self.contenders else None

    def speedup(self, name: str) -> Summary | None:
        """Time of the baseline over a contender's, taken round by round."""
        return self.contenders[name]["ratio"] if name in self.contenders else None

    def versus(self, peer: str | None, name: str | None = None) -> Summary | None:
        """Time of `peer` over that of `name`, ours when left out. Only the baseline's ratios were taken round by round;
        for another peer the quartiles are its q1 over our q3 and its q3 over our q1, the widest range possible."""
        name = name or self.ours
        ours, its = self.time(name), self.time(peer or "")
        if ours is None or its is None:
            return None
        if peer == self.baseline:
            return self.speedup(name)
        if peer == name:
            return {"q1": 1.0, "median": 1.0, "q3": 1.0}
        pairs = (("q1", "q3"), ("median", "median"), ("q3", "q1"))
        return {quartile: its[quartile] / ours[other] for quartile, other in pairs}


@dataclass(frozen=True)
class Suite:
    """The points of one suite under one set of conditions, in order of their setting."""

    name: str
    device: str
    points: tuple[Point, ...]

    @property
    def inference(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.line["mode"] == "inference")

    @property
    def training(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.line["mode"] == "training")

    @property
    def baseline(self) -> str:
        """That of most points; a suite is made with one."""
        return Counter(point.baseline for point in self.points).most_common(1)[0][0]

    @property
    def peer(self) -> str:
        """What inference is told against."""
        return serial_peer(self.inference) if self.inference else self.baseline

    @property
    def crossed(self) -> tuple[tuple[Point, ...], ...]:
        """Rows of points of one network, wherever networks meet several inputs and inputs several networks."""
        kept = list(self.inference)
        for key in (row, column):  # a network seen once and an input seen once make no table
            count = Counter(key(point) for point in kept)
            kept = [point for point in kept if count[key(point)] > 1]
        return tuple(map(tuple, grouped(kept, row).values()))

    def series(self, axis: str, **fixed: object) -> tuple[Point, ...]:
        """The longest series of points that differ in `axis` alone and have the `fixed` setting; `()` for fewer than 2.

        Among equally long ones that of the class token, then of the narrowest and shortest network.
        """
        fitting = [point for point in self.inference if point.time(point.ours) and fixed.items() <= point.line.items()]
        found = grouped(fitting, lambda point: tuple(point.line[name] for name in SETTING if name != axis))

        def order(members: list[Point]) -> tuple:
            first = members[0].line
            size = [first[name] for name in ("width", "tokens", "batch", "depth")]
            return (-len(members), first["pool"] != "cls", *size, -first["layers"], first["dtype"])

        members = min(found.values(), key=order, default=[])
        return tuple(sorted(members, key=lambda point: point.line[axis])) if len(members) > 1 else ()


def collect_bench(records_by_path: Mapping[str, list[Record]]) -> list[Suite]:
    """All suites, those of a CPU first; of a point measured twice on one machine the later record counts."""
    floor = floors(records_by_path)
    points = [Point(path, line, floor(line)) for path, line in read(records_by_path, "bench")]
    groups: dict[tuple, dict[tuple, Point]] = {}
    for point in sorted(points, key=lambda point: str(point.line["environment"].get("time", ""))):
        groups.setdefault(_conditions(point.line), {})[point.setting] = point
    return [
        Suite(name, device, tuple(sorted(members.values(), key=_order)))
        for (_, device, _, name, *_), members in sorted(groups.items())
    ]


def serial_peer(series: Sequence[Point]) -> str:
    """What a series is told against: the recorded serial network where all points have it, else the baseline.

    An eager one is bound by its launches on a GPU, which neither n/m nor anybody who cares for latency speaks of.
    """
    return GRAPHED if all(GRAPHED in point.contenders for point in series) else series[0].baseline


def row(point: Point) -> tuple:
    """A network: what stands in the first columns of a row."""
    return tuple(point.line[name] for name in ("depth", "layers", "width", "pool", "dtype"))


def column(point: Point) -> tuple[int, int]:
    """An input: images at once, and patches of each."""
    return point.line["batch"], point.patches


def distinct(values: Iterable[object]) -> list:
    """Each value once, in order."""
    return sorted(set(values))


def _order(point: Point) -> tuple:
    fields = ("mode", "layers", "width", "depth", "pool", "dtype", "tokens", "batch")
    return tuple(-point.line[name] if name == "layers" else point.line[name] for name in fields)


def _conditions(line: Record) -> tuple:
    place = SUITES.index(line["suite"]) if line["suite"] in SUITES else len(SUITES)
    torch = line["environment"].get("versions", {}).get("torch", "unknown")
    return line["device"] != "cpu", line["device"], place, line["suite"], machine(line), line["threads"], torch

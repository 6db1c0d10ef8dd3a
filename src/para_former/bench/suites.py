"""Which points are measured together: plain lists, made for one question each."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from para_former.bench.points import Point, flops

OURS = ("loop", "stacked", "prepared")
READ_OUT = ("serial", "serial-readout", *OURS)
PEERS = ("serial-compiled", "encoder", "vit-pytorch", "vit-pytorch-parallel", "vmap", "prepared-compiled")
STEP = ("serial", "serial-compiled", "stacked", "stacked-compiled")
TOKENS = {65: {"image_size": 32, "patch_size": 4}, 197: {"image_size": 224, "patch_size": 16}}
"""image and patch of so many tokens, the class token among them"""


def quick() -> list[Point]:
    """The idea in less than a minute: branches of depth 1, 2 and 6, one image and sixteen."""
    return [Point(depth=depth, batch=batch, contenders=READ_OUT) for batch in (1, 16) for depth in (1, 2, 6)]


def cpu() -> list[Point]:
    """Everything that is claimed of two CPU cores; 8 minutes on one such machine, 16 on another."""
    serial = ("serial", *OURS)
    against_layers = [Point(layers=layers, contenders=READ_OUT) for layers in (1, 2, 6, 12, 24, 48)]
    against_batch = [Point(batch=batch, contenders=READ_OUT) for batch in (1, 2, 4, 8, 16, 32, 64)]
    against_depth = [Point(depth=depth, contenders=READ_OUT) for depth in (1, 2, 3, 4, 6, 8, 12, 24)]
    table = [
        Point(depth=depth, batch=batch, **TOKENS[tokens], contenders=READ_OUT)
        for depth in (1, 2, 3, 6)
        for batch, tokens in ((1, 65), (1, 197), (16, 65), (64, 65))
    ]
    wide = [
        Point(width=768, contenders=(*serial, "encoder")),  # an even number of heads: the encoder's fast path
        Point(width=768, **TOKENS[197], contenders=serial),
        Point(width=768, batch=16, contenders=("serial", "stacked", "prepared")),
        *(Point(depth=6, width=width, contenders=serial) for width in (384, 768)),
    ]
    mean = [Point(pool="mean", **TOKENS[tokens], contenders=serial) for tokens in (65, 197)]
    mean.append(Point(pool="mean", batch=16, contenders=serial))
    peers = [Point(depth=depth, contenders=("serial", *PEERS)) for depth in (1, 2)]
    reduced = [Point(batch=batch, contenders=("serial", "prepared-bf16")) for batch in (1, 16)]
    training = Point(batch=128, mode="training", contenders=STEP)
    return merged([*table, *against_layers, *against_batch, *against_depth, *wide, *mean, *peers, *reduced, training])


def gpu() -> list[Point]:
    """What is claimed of one data-centre GPU, what is claimed first; bfloat16.

    Compiling takes up to a minute, so ours is compiled at four points. A serial network is the same beside every
    depth: it is compiled beside depth 1 alone, and how it compares with its CUDA graph there holds for the others.
    """
    base = Point(dtype="bfloat16", contenders=("serial", "serial-graph", *OURS))
    networks = [replace(base, depth=depth, pool=pool) for depth, pool in NETWORKS]

    def every(width: int, batch: int) -> list[Point]:
        sizes = [{"width": width, "batch": batch, **TOKENS[tokens]} for tokens in TOKENS]
        return [replace(network, **size) for size in sizes for network in networks]

    one_image = every(192, batch=1)
    fused = [replace(point, contenders=("prepared-fused",)) for point in one_image if point.pool == "cls"]
    one_layer = [replace(base, layers=1, **TOKENS[tokens]) for tokens in TOKENS]
    compiled = [replace(base, **TOKENS[tokens], contenders=("serial-compiled",)) for tokens in TOKENS]
    compiled += [
        replace(base, depth=depth, pool=pool, **TOKENS[tokens], contenders=("prepared-compiled",))
        for depth, pool, tokens in ((1, "cls", 65), (1, "cls", 197), (1, "mean", 197), (2, "cls", 65))
    ]
    training = replace(base, batch=128, mode="training", contenders=STEP)
    eager = replace(base, contenders=("serial-readout", "encoder", "vit-pytorch", "vit-pytorch-parallel", "vmap"))
    claimed = [*one_image, *fused, *one_layer, eager, *every(192, batch=256)]
    return merged([*claimed, *every(768, batch=1), training, *every(192, batch=16), *every(768, batch=256), *compiled])


NETWORKS = ((1, "cls"), (1, "mean"), (2, "cls"), (3, "cls"), (6, "cls"))
"""depth and read-out of the networks of 24 layers on a GPU"""


def grid() -> list[Point]:
    """Is `prepared` ever slower than the loop? Cheapest points first; more than an hour on two cores."""
    points = [
        Point(
            depth=depth,
            layers=layers,
            width=width,
            batch=batch,
            **TOKENS[tokens],
            pool=pool,
            contenders=("loop", "prepared"),
        )
        for depth in (1, 2, 3, 6)
        for layers in (6, 24)
        for width in (192, 384, 768)
        for batch in (1, 16, 64)
        for tokens in TOKENS
        for pool in ("cls", "mean")
    ]
    return sorted(points, key=lambda point: point.batch * flops(point.config))


SUITES: dict[str, Callable[[], list[Point]]] = {"quick": quick, "cpu": cpu, "gpu": gpu, "grid": grid}


def merged(points: Iterable[Point]) -> list[Point]:
    """Points of one setting as one point, with the contenders of all of them."""
    found: dict[Point, tuple[str, ...]] = {}
    for point in points:
        setting = replace(point, contenders=())
        found[setting] = tuple(dict.fromkeys((*found.get(setting, ()), *point.contenders)))
    return [replace(setting, contenders=contenders) for setting, contenders in found.items()]

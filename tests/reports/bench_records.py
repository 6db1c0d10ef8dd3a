"""`bench` records as `para_former.bench.run.measure` writes them, with made-up times: what the tests of them read."""

from . import helpers

CLOCKS = {"cpu_mhz": [2500.0, 2600.0]}
GPU = {"cpu": "Example CPU", "cores": 8, "machine": "x86_64", "gpu": "Example GPU", "gpu_bytes": 80 * 2**30}
SLOWNESS = {"serial": 1.0, "serial-readout": 0.96, "loop": 1.05, "stacked": 0.5, "prepared": 0.25}
"""time of each contender over that of serial"""


def bench_line(ms=None, *, spread=0.02, missing=None, notes=None, peaks=None, **fields):
    """One record: medians of `ms` by contender, quartiles `spread` to either side."""
    line = {
        "kind": "bench",
        "suite": "cpu",
        "mode": "inference",
        "depth": 1,
        "layers": 24,
        "width": 192,
        "heads": 3,
        "image_size": 32,
        "patch_size": 4,
        "pool": "cls",
        "batch": 1,
        "dtype": "float32",
        "device": "cpu",
        "threads": 2,
        "rounds": 30,
        "not_measured": missing or {},
        "environment": {**helpers.ENVIRONMENT, "clocks": CLOCKS},
        **fields,
    }
    line["tokens"] = (line["image_size"] // line["patch_size"]) ** 2 + (line["pool"] == "cls")
    ms = {name: 20.0 * slowness for name, slowness in SLOWNESS.items()} if ms is None else ms
    line["baseline"] = "serial" if "serial" in ms or "serial" in line["not_measured"] else "loop"
    base = ms.get(line["baseline"])
    line["contenders"] = [
        {
            "name": name,
            "ms": around(median, spread),
            "ratio": around(base / median, spread * (name != line["baseline"])) if base else None,
            "relative_error": 1e-6,
            "peak_bytes": (peaks or {}).get(name),
            "note": (notes or {}).get(name),
        }
        for name, median in ms.items()
    ]
    return line


def around(median, spread):
    return {"q1": median * (1 - spread), "median": median, "q3": median * (1 + spread)}


def times(layers=24, depth=1, batch=1):
    """Serial grows with n and with the batch; ours with m mostly."""
    serial = 1.1 * layers * batch
    prepared = (0.3 + 0.04 * layers + 0.9 * layers * (depth - 1) / depth) * batch**0.5
    return {
        "serial": serial,
        "serial-readout": serial * 0.97,
        "loop": serial * 1.02,
        "stacked": prepared * 1.8,
        "prepared": prepared,
    }


def cpu():
    """A small suite `cpu`: against layers, batch and depth, all peers at one point, mean read-out, a training step."""
    shapes = [(layers, 1, 1) for layers in (1, 6, 24)]
    shapes += [(24, 1, batch) for batch in (4, 16)] + [(24, depth, 1) for depth in (2, 6)] + [(24, 2, 16)]
    lines = [bench_line(times(n, m, batch), layers=n, depth=m, batch=batch) for n, m, batch in shapes]
    peers = {"encoder": 27.0, "vit-pytorch": 29.0, "vmap": 17.0}
    lines[2] = bench_line(
        times() | peers, missing={"serial-compiled": "no C++ compiler"}, notes={"vmap": "no batching rule"}
    )
    lines.append(bench_line(times(24, 2), pool="mean", patch_size=2))
    training = {"serial": 4000.0, "stacked": 100.0}
    peaks = {"serial": 2000 * 2**20, "stacked": 100 * 2**20}
    lines.append(bench_line(training, peaks=peaks, mode="training", batch=128))
    return lines


def gpu():
    """A point of the suite `gpu`, where a CUDA graph is the peer to beat."""
    ms = {"serial": 8.0, "serial-graph": 2.0, "loop": 9.0, "stacked": 1.5, "prepared": 0.4}
    environment = {**helpers.ENVIRONMENT, "hardware": GPU, "clocks": {"clocks.sm": "1980 MHz"}}
    fields = {"suite": "gpu", "device": "cuda", "dtype": "bfloat16", "environment": environment}
    return [bench_line(ms, batch=batch, depth=depth, **fields) for batch in (1, 16) for depth in (1, 2)]

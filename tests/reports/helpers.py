"""Records as training and timing write them, with made-up numbers: what the tests of reports read. No models."""

import base64
import random
import re
import struct
import zlib
from html.parser import HTMLParser

ENVIRONMENT = {
    "hardware": {"cpu": "Example CPU @ 2.50GHz", "cores": 2, "machine": "x86_64"},
    "versions": {"python": "3.11.9", "para-former": "0.1.0", "torch": "2.11.0", "timm": "1.0.20"},
    "commit": "0123456789ab",
    "time": "2026-01-02T03:04:05+00:00",
}


def name(depth, layers):
    return f"para_former_{depth}_{layers}"


def run_line(depth=1, layers=6, *, dataset="cifar10", recipe="basic", seed=0, epochs=3, **settings):
    config = {"lr": 0.001, "batch_size": 250, "precision": "float32", "seed": seed}
    shape = {"depth": depth, "layers": layers, "image_size": 32, "patch_size": 4, "width": 192, "heads": 3}
    return {
        "kind": "run",
        "model": name(depth, layers),
        "depth": depth,
        "layers": layers,
        "parameters": 180_000 + 444_000 * layers,
        "dataset": dataset,
        "recipe": recipe,
        "seed": seed,
        "epochs": epochs,
        "config": {"dataset": dataset, "image_size": None, "skip_corrupt": False, **config, **settings},
        "spec": {"classes": list("0123456789"), "mean": [0.5] * 3, "std": [0.5] * 3, "channels": 3},
        "model_config": shape,
        "split": {"train": 47500, "validation": 2500, "test": 10000, "hash": "abcdef012345"},
        "environment": ENVIRONMENT,
    }


def epoch_line(number, top1):
    return {
        "kind": "epoch",
        "epoch": number,
        "train_loss": 2.3 / number,
        "validation_loss": 2.4 / number,
        "validation_top1": top1,
        "lr": 0.001,
        "images_per_second": 3700.0,
        "seconds": 13.0,
    }


def tested_line(epoch, top1, classes, samples=None, seed=0):
    """A `test` line: accuracies of classes around `top1`, 100 images a class, a confusion matrix that agrees."""
    chance = random.Random(seed)
    per_class = [float(min(100, max(0, round(chance.gauss(top1, 12))))) for _ in classes]
    confusion = [[0] * len(classes) for _ in classes]
    for index, accuracy in enumerate(per_class):
        confusion[index][index] = int(accuracy)
        for _ in range(100 - int(accuracy)):
            confusion[index][(index + 1 + chance.randrange(max(1, len(classes) - 1))) % len(classes)] += 1
    ranked = sorted(range(len(classes)), key=lambda index: -per_class[index])
    shown = [classes[ranked[place]] for place in sorted({0, len(ranked) // 2, len(ranked) - 1})]
    return {
        "kind": "test",
        "epoch": epoch,
        "images": 100 * len(classes),
        "top1": top1,
        "top5": min(100.0, top1 + 20),
        "loss": 1.0,
        "classes": list(classes),
        "per_class_top1": per_class,
        "confusion": confusion,
        "samples": {label: (samples or {}).get(label, [png()]) for label in shown},
    }


def latency_line(depth=1, layers=6, *, ours=1.0, peer=4.0, **fields):
    ours_ms, peer_ms, ratio = (
        {"q1": 0.97 * middle, "median": middle, "q3": 1.04 * middle} for middle in (ours, peer, peer / ours)
    )
    line = {
        "kind": "latency",
        "model": name(depth, layers),
        "depth": depth,
        "layers": layers,
        "dataset": "cifar10",
        "batch": 1,
        "tokens": 65,
        "width": 192,
        "threads": 2,
        "device": "cpu",
        "dtype": "float32",
        "peer": f"timm serial ViT, {layers} layers",
        "ours_ms": ours_ms,
        "peer_ms": peer_ms,
        "ratio": ratio,
        "relative_error": 1e-6,
        "environment": ENVIRONMENT,
    }
    return {**line, **fields}


def training(depth=1, layers=6, top1=60.0, *, classes=("cat", "dog", "ship"), done=None, samples=None, **fields):
    """All lines of one run; with `done` fewer than its epochs it stops there, untested."""
    run = run_line(depth, layers, **fields)
    done = run["epochs"] if done is None else done
    lines = [run, *(epoch_line(number, top1 * (1 - 0.5 / number)) for number in range(1, done + 1))]
    return lines + [tested_line(done, top1, classes, samples, run["seed"])] * (done == run["epochs"])


def family(dataset="cifar10", seeds=(0, 1, 2), **fields):
    """The paper's eight networks over seeds, with latencies: records by path."""
    shapes = {(1, 1): 56, (1, 6): 65, (1, 12): 67, (1, 24): 71, (6, 6): 79, (2, 24): 75, (3, 24): 77, (6, 24): 80}
    files = {
        f"{dataset}/{name(m, n)}/seed-{seed}/record.jsonl": training(
            m, n, top1 + 0.3 * seed, dataset=dataset, seed=seed, **fields
        )
        for (m, n), top1 in shapes.items()
        for seed in seeds
    }
    timings = [latency_line(m, n, dataset=dataset, ours=0.5 * m + 0.02 * n, peer=0.55 * n) for m, n in shapes]
    return {**files, f"{dataset}/latency.jsonl": timings}


def png(red=200, green=120, blue=40):
    """A 2x2 PNG of one colour, base64."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * 2) * 2
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


class Page(HTMLParser):
    """Parses HTML, refuses tags that do not balance, and gathers what a browser would load, ids, links and text."""

    VOID = {"meta", "img", "br", "wbr"}

    def __init__(self, html):
        super().__init__()
        self.open, self.loads, self.ids, self.links, self.tags, self.text = [], [], [], [], set(), ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        for key, value in attributes:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "srcset", "action", "data", "poster") or (key.endswith("href") and tag != "a"):
                self.loads.append(value)
            if key == "href" and tag == "a":
                self.links.append(value)
            self.loads += re.findall(r"url\(\s*['\"]?([^)'\"]*)", value or "")

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.loads += re.findall(r"url\(\s*['\"]?([^)'\"]*)|@import\s+(\S+)", data)
        else:
            self.text += data

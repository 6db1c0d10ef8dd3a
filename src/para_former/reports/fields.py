"""What is read of each kind of record line, and the one place where a line without it is refused.

A form is `int`, `float` (any number), `str`, `bool` or None for a JSON value; `[form]` for a list, `[form, ...]` for
one with at least one entry; a dict for an object with at least these fields, a field called "name?" where it may be
left out; `{str: form}` for an object of any names; a tuple for a choice, a frozenset for one of these words. What
nobody reads may be anything. What the values mean is for those who read them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from para_former.errors import InputError
from para_former.records import Record

Form = Any
SUMMARY = {"q1": float, "median": float, "q3": float}
ENVIRONMENT = {
    "hardware?": {"gpu_bytes?": float},
    "versions?": {str: str},
    "clocks?": {str: (float, str, [float])},
    "device?": str,
}
NETWORK = {"model": str, "depth": int, "layers": int, "dataset": str}
BUILT = {"heads?": int, "mlp_ratio?": float, "stem?": str, "pool?": str}
SLOT = {"slot": str, "module": int}
SIMILAR = {
    **SLOT,
    "auc": float,
    "auc_null": [float, ...],
    "pairs": dict.fromkeys(("twin", "same class", "other class", "noise"), [float, ...]),
    "course": [[float]],
}
CURVES = ("batched_rate", "single_rate", "attention_rate")
"""of a device's constants: lists of (size, rate)"""
INPUT = ("depth", "layers", "width", "heads", "image_size", "patch_size", "batch", "tokens", "threads")
FORMS: dict[str, Form] = {
    "run": {
        **NETWORK,
        "parameters": int,
        "recipe": str,
        "changed?": [str],
        "seed": int,
        "epochs": int,
        "config": {
            "dataset": str,
            "image_size": (int, None),
            "skip_corrupt": bool,
            "train_images?": (int, None),
            "batch_size?": int,
        },
        "spec": {"classes": [str], "mean": [float], "std": [float], "channels": int},
        "model_config": {**BUILT, "width?": int, "image_size?": (int, [int]), "patch_size?": int},
        "split": {"train": int, "validation?": int, "test?": int},
        "pretrained?": ({"name": str, "sha256": str, "dataset?": str}, None),
        "environment": ENVIRONMENT,
        "compile?": bool,
        "accumulate?": int,
    },
    "resumed": {"epoch": int, "environment": ENVIRONMENT, "compile": bool, "accumulate?": int},
    "epoch": {"epoch": int, "validation_top1": float, "images_per_second": float, "seconds": float},
    "test": {
        "epoch": int,
        "top1": float,
        "classes": [str, ...],
        "per_class_top1": [(float, None)],
        "confusion": [[int]],
        "samples": {str: [str]},
    },
    "latency": {
        **NETWORK,
        **BUILT,
        **dict.fromkeys(("batch", "tokens", "width", "threads"), int),
        **dict.fromkeys(("device", "dtype", "peer"), str),
        **dict.fromkeys(("ours_ms", "peer_ms", "ratio"), SUMMARY),
        "relative_error": float,
        "environment": ENVIRONMENT,
    },
    "bench": {
        **dict.fromkeys(INPUT, int),
        **dict.fromkeys(("suite", "pool", "dtype", "device", "baseline"), str),
        "mode": frozenset({"inference", "training"}),
        "rounds?": int,
        "contenders": [
            {
                "name": str,
                "ms": SUMMARY,
                "ratio": (SUMMARY, None),
                "relative_error": (float, None),
                "peak_bytes": (int, None),
                "note": (str, None),
            }
        ],
        "not_measured": {str: str},
        "environment": {**ENVIRONMENT, "time?": str},
    },
    "prediction": {
        "constants": {
            **dict.fromkeys(CURVES, [[float, ...], ...]),
            **dict.fromkeys(("memory_rate", "cache_bytes"), float),
            "dtype": frozenset({"float64", "float32", "bfloat16", "float16"}),
        },
        "environment": ENVIRONMENT,
    },
}
CLASSES = ("classes", "per_class_top1", "confusion")
"""of a test line: one entry for each class, and so has every row of the last"""
STUDY = {**NETWORK, "epochs": int, "images": int, "environment": ENVIRONMENT}
THEORY: dict[str, Form] = {
    "approximation": {
        "environment": ENVIRONMENT,
        "curves": [
            {
                **dict.fromkeys(("target", "describe", "fit"), str),
                **dict.fromkeys(("rate", "rate_low", "rate_high"), float),
                "terms": [int, ...],
                "error": [[float, ...], ...],
            }
        ],
    },
    "decomposition": {
        **STUDY,
        "seconds": {str: float},
        "units": int,
        "error": float,
        "error_in_pixels": (float, None),
        "error_nudged": float,
        "parts": [{"part": str, "size": float, "moving": float}, ...],
        "environment": {**ENVIRONMENT, "threads": int, "peak_memory": int},
    },
    "freedom": {
        **STUDY,
        "counts": [dict.fromkeys(("depth", "freedom", "affected", "affected_with_norms", "slots"), int), ...],
        "slots": [{**SLOT, "varies": bool, "counted": bool, "moving": float}, ...],
    },
    "similarity": {**STUDY, "slots": [SIMILAR, ...], "untrained": [SIMILAR, ...]},
    "diversity": {
        **STUDY,
        "recipe": str,
        "seed": int,
        "classes": [str],
        "left_out": [str],
        "top1": [float],
        "measures": dict.fromkeys(("images", "background", "foreground"), [float]),
        "correlations": [
            {"of": str, "with": str, "fixed": (str, None), **dict.fromkeys(("rho", "low", "high"), float)}
        ],
        "resamples": int,
    },
    "branches": {
        **STUDY,
        "branches": int,
        **dict.fromkeys(("error_all", "effective_rank", "logit_size"), [float, ...]),
        **dict.fromkeys(("error_alone", "error_without", "order_given", "order_greedy", "similarity"), [[float]]),
    },
}
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", None: "null"}
MOST = 2**63
"""no number that is measured or counted reaches it; what does overflows further on"""
TYPES = {int: (int,), float: (int, float), str: (str,), bool: (bool,), None: (type(None),)}


def read(records_by_path: Mapping[str, list[Record]], *kinds: str) -> Iterator[tuple[str, Record]]:
    """(path, line) of these kinds, by path and then as they stand there; InputError at the first that is not whole."""
    for path, records in sorted(records_by_path.items()):
        for number, record in enumerate(records, start=1):
            if record.get("kind") in kinds:
                _expect_whole(f"{path}: line {number}", record)
                yield path, record


def _expect_whole(place: str, record: Record) -> None:
    name, form = f"{record['kind']} line", FORMS.get(record["kind"])
    if form is None:
        study = record.get("study")
        if study not in list(THEORY):
            known = ", ".join(THEORY)
            raise InputError(f"{place}: expected the study of a theory line to be one of {known}, found {study!r}")
        name, form = f"theory line of {study}", THEORY[study]
    if wrong := _wrong(record, form):
        field, expected, found = wrong
        field = field.removeprefix(".")
        if expected:
            raise InputError(f"{place}: expected {field!r} of every {name} to be {expected}, found {found}")
        raise InputError(f"{place}: expected {field!r} in every {name}, found one without it")
    if record["kind"] == "test":
        lengths = {field: len(record[field]) for field in CLASSES}
        lengths |= {f"confusion[{index}]": len(row) for index, row in enumerate(record["confusion"])}
        if other := next((field for field, length in lengths.items() if length != lengths["classes"]), None):
            expected = f"the {lengths['classes']} entries of 'classes' in {other!r}"
            raise InputError(f"{place}: expected {expected} of every {name}, found {lengths[other]}")
    if record["kind"] == "bench" and record["baseline"] in [each["name"] for each in record["contenders"]]:
        for each in record["contenders"]:
            if each["ratio"] is None:
                raise InputError(f"{place}: expected the ratio of {each['name']!r} to a measured baseline, found null")


def _wrong(value: object, form: Form) -> tuple[str, str, str] | None:
    """The first part of `value` of another form: its field, what it should be ("" where it is missing), what it is."""
    if isinstance(form, tuple):
        tried = [_wrong(value, each) for each in form]
        return None if None in tried else next((each for each in tried if each[0]), ("", _word(form), _shown(value)))
    if isinstance(form, frozenset):
        return None if isinstance(value, str) and value in form else ("", _word(form), _shown(value))
    parts: Iterator[tuple[str, object, Form]] = iter(())
    if isinstance(form, list) and isinstance(value, list):
        if form[1:] and not value:
            return "", "a list of at least one entry", "none"
        parts = ((f"[{index}]", each, form[0]) for index, each in enumerate(value))
    elif isinstance(form, dict) and isinstance(value, dict):
        forms = {name: form[str] for name in value} if str in form else form
        if missing := next((name for name in forms if name not in value and not name.endswith("?")), ""):
            return f".{missing}", "", ""
        named = ((name.removesuffix("?"), each) for name, each in forms.items())
        parts = ((f".{name}", value[name], each) for name, each in named if name in value)
    elif isinstance(form, (list, dict)) or type(value) not in TYPES[form]:
        return "", _word(form), _shown(value)
    elif form in (int, float) and not abs(value) < MOST:  # NaN is not either
        return "", f"{_word(form)} below 2^63", _shown(value)
    found = ((part, _wrong(each, wanted)) for part, each, wanted in parts)
    return next(((part + wrong[0], *wrong[1:]) for part, wrong in found if wrong), None)


def _word(form: Form) -> str:
    if isinstance(form, tuple):
        return " or ".join(map(_word, form))
    if isinstance(form, frozenset):
        return " or ".join(sorted(form))
    return "a list" if isinstance(form, list) else "an object" if isinstance(form, dict) else WORDS[form]


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."

"""What the records of the theory say, in sentences: each computed from the record, claims that fail among them.

The `kind` of these records is "theory"; `study` says which one. Sentences are for a person who has not read the paper.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from para_former.records import Record
from para_former.reports.diversity import diversity_sentences
from para_former.reports.experiments import label_of
from para_former.reports.tables import counted, span

BARRON = -0.5
"""exponent of N in Barron's bound on the root mean square"""


def theory_sentences(record: Record) -> list[str]:
    """The findings of one study."""
    return [text for text in SENTENCES[record["study"]](record) if text]


def _approximation(record: Record) -> list[str]:
    return [approximation_finding(curve) for curve in record["curves"] if curve["fit"] == "all"]


def approximation_finding(curve: Record) -> str:
    """One target: where the error starts and ends, and the rate beside Barron's."""
    medians = [statistics.median(row) for row in curve["error"]]
    rises = _rises(medians)
    rate, low, high = curve["rate"], curve["rate_low"], curve["rate_high"]
    pace = "faster than" if high < BARRON else "slower than" if low > BARRON else "not told apart from"
    terms = curve["terms"]
    last = ""
    if len(terms) > 3 and min(medians) > 0:
        slope = math.log(medians[-1] / medians[-3]) / math.log(terms[-1] / terms[-3])
        last = f", over the last two doublings N^({slope:.2f})"
    steps = f"rising at {rises} of {len(medians) - 1} doublings" if rises else "with every doubling of N"
    return (
        f"{curve['target'].capitalize()} ({curve['describe']}): with all parameters fitted the error {_way(medians)} "
        f"from {_percent(medians[0])} at N = {terms[0]} to {_percent(medians[-1])} at N = {terms[-1]}, "
        f"{steps}; about as N^({rate:.2f}) (single seeds {low:.2f} to {high:.2f}{last}), {pace} the N^(-0.5) of "
        "Barron's bound."
    )


def _rises(values: Sequence[float]) -> int:
    """Steps at which the value does not fall."""
    return sum(later >= earlier for earlier, later in pairwise(values))


def _way(values: Sequence[float]) -> str:
    return "falls" if values[-1] < values[0] else "goes"


def _decomposition(record: Record) -> list[str]:
    seconds, threads = sum(record["seconds"].values()), f"threads: {record['environment']['threads']}"
    parts = {part["part"]: part for part in record["parts"]}
    terms = [part for name, part in parts.items() if name.startswith("terms")]
    largest = max(terms, key=lambda part: part["moving"])
    in_pixels = record["error_in_pixels"]
    pixels = "the stem is not linear in pixels" if in_pixels is None else f"written in pixels: {in_pixels:.0e}"
    return [
        f"{label_of(record)}: the form equals the network on {record['images']} images to {record['error']:.1e} of the "
        f"largest logit in float64 ({pixels}); with the last number of any one "
        f"parameter tensor changed by 0.001 it does not, the error then being {record['error_nudged']:.1e} or more.",
        f"It has N = {record['units']:,} scalar terms. Finding and evaluating it took {seconds:.1f} s ({threads}); the "
        f"process held at most {record['environment']['peak_memory'] / 2**30:.1f} GiB.",
        f"Of what differs between images in the logits, the linear part has {_percent(parts['linear']['moving'])} of "
        f"the size, and the largest of the sigma terms, {largest['part']}, {_percent(largest['moving'])}; parts can "
        "cancel, so they need not add up.",
    ]


def _freedom(record: Record) -> list[str]:
    still = [slot for slot in record["slots"] if not slot["varies"]]
    moving = sorted((slot for slot in record["slots"] if slot["varies"]), key=lambda slot: -slot["moving"])
    freedom = sum(slot["counted"] for slot in record["slots"])
    text = (
        f"{label_of(record)} has {counted(freedom, 'degree')} of freedom a branch by the "
        f"definition that gives the paper's 1 and 6. Over {record['images']} images, {_slot(moving[0])} moves most "
        f"({_percent(moving[0]['moving'])} of its squared size), {_slot(moving[-1])} least "
        f"({_percent(moving[-1]['moving'])}); the same for every image, as derived: "
        f"{', '.join(_slot(slot) for slot in still)}."
    )
    biases = [slot["moving"] for slot in moving if slot["slot"] == "theta" and slot["module"] > 1]
    weights = [slot["moving"] for slot in moving if slot["slot"] == "W"]
    if biases:
        text += (
            f" The count treats all slots alike, the network does not: the biases theta of module 2 and deeper move "
            f"by {span(biases, _percent)}, the weights W by {span(weights, _percent)}."
        )
    return [text]


def _similarity(record: Record) -> list[str]:
    pixels, *slots = record["slots"]
    untrained = {(slot["slot"], slot["module"]): slot for slot in record["untrained"]}
    low = max(slot["auc_null"][1] for slot in record["slots"])
    above = [slot for slot in slots if slot["auc"] > low]
    beyond = [slot for slot in slots if slot["auc"] > pixels["auc"]]
    pairs = [
        (slot, untrained[slot["slot"], slot["module"]]) for slot in slots if (slot["slot"], slot["module"]) in untrained
    ]
    after, before = (statistics.fmean(slot["auc"] for slot in side) for side in zip(*pairs, strict=True))
    best = max(slots, key=lambda slot: slot["auc"])
    verdict = "holds" if len(above) == len(slots) else "holds in part" if above else "does not hold"
    return [
        f"{label_of(record)}, {record['images']} images: images of one class have more similar parameters than images "
        f"of two in {len(above)} of {len(slots)} slots, beyond what shuffled labels give (AUC up to {low:.2f}); the "
        f"premise of Figure 6 {verdict}." + " Of many slots, a few pass by chance." * (0 < len(above) < len(slots)),
        f"The pixels alone tell one class from two with AUC {pixels['auc']:.2f}; {len(beyond)} of {len(slots)} slots "
        f"do better, the best is {_slot(best)} with {best['auc']:.2f}.",
        f"A network of this shape before any training has a mean AUC of {before:.2f}, after it {after:.2f}: "
        + (
            "most of what tells classes apart is there without learning. "
            if before - 0.5 > after - before
            else "most of what tells classes apart is learned. "
        )
        + "That fine-tuning works because of it is not shown by this.",
    ]


def _branches(record: Record) -> list[str]:
    if record["branches"] == 1:
        return [f"{label_of(record)} has one branch: nothing to drop."]
    error, loss = record["error_all"]
    without, alone = ([pair[0] for pair in record[name]] for name in ("error_without", "error_alone"))
    given, greedy = ([pair[1] for pair in record[f"order_{name}"]] for name in ("given", "greedy"))
    enough = next(k for k, value in enumerate(greedy, start=1) if value <= greedy[-1] * 1.1 or k == len(greedy))
    similar = [value for j, row in enumerate(record["similarity"]) for value in row[:j]]
    rises = _rises(given)
    steps = "with every branch" if not rises else f"rising at {rises} of {len(given) - 1} steps"
    return [
        f"{label_of(record)}, {record['branches']} branches, {record['images']:,} validation images: error "
        f"{error:.1f} % (loss {loss:.2f}) with all, {min(without):.1f} to {max(without):.1f} % with any one dropped, "
        f"{min(alone):.1f} to {max(alone):.1f} % with one alone.",
        f"Adding branches in the order given, the loss {_way(given)} from {given[0]:.2f} to {given[-1]:.2f}, {steps}; "
        f"in the order chosen greedily on training images, {enough} of {record['branches']} branches come within a "
        "tenth of the whole network's loss. These branches were trained together, so this is not the error of "
        "smaller networks.",
        f"What branches add is of effective rank {min(record['effective_rank']):.1f} to "
        f"{max(record['effective_rank']):.1f}; their pairwise similarity (CKA) is {statistics.fmean(similar):.2f} on "
        f"average, {max(similar):.2f} at most: {_roles(statistics.fmean(similar))}.",
    ]


def _roles(similarity: float) -> str:
    return "they do largely different things" if similarity < 0.5 else "they do largely the same"


def _slot(slot: Record) -> str:
    return f"{slot['slot']} of module {slot['module']}" if slot["module"] else f"{slot['slot']} of the branch"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"


SENTENCES: dict[str, Callable[[Record], list[str]]] = {
    "approximation": _approximation,
    "decomposition": _decomposition,
    "freedom": _freedom,
    "similarity": _similarity,
    "branches": _branches,
    "diversity": diversity_sentences,
}

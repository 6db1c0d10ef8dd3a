"""The questions that the paper's tables raise, answered from the same records in sentences.

Whether accuracy grows with layers and with depth, whether branches beside a deep network help, and where the paper's
text and its tables disagree.
"""

from collections import Counter
from collections.abc import Sequence

from para_former.reports import findings, paper
from para_former.reports.experiments import Experiment, Network, grouped
from para_former.reports.fingerprint import wording
from para_former.reports.tables import full_name, signed

PAPER_AGAINST_ITSELF = (
    "In the paper's Table 2 accuracy grows with every step in layers, as its Section 4.2 says, except on Flowers-102 "
    "(Para-F-1-12 37.42, 1-24 35.84), which Section 4.2 names.",
    "Every network of Table 3 is above Para-F-1-24 on 5 of 5 data sets, as Section 4.3 says.",
    "Section 4.3 says that Para-F-6-6 consistently outperforms Para-F-2-24 and 3-24. Table 3 says otherwise on "
    "Flowers-102.",
    "Para-F-6-24, four branches beside one another, is above the serial Para-F-6-6 on 4 of 5 data sets in Table 3, at "
    "four times the layers; on all of them the difference is −0.13 to +2.54 points.",
)
"""what the paper's text says of its Tables 2 and 3, and what stands in them"""


def fingerprint(found: Sequence[Experiment]) -> str:
    """How the combinations of the open settings were chosen, and which are too strong already."""
    return (
        "The paper gives no image size, width, optimiser, schedule or augmentation. Each row is one combination that "
        "its authors' later code, or the code base behind that, makes likely, with Adam and dropout 0.1 throughout. At "
        "a constant rate of 1e-4 a short training is the beginning of the long one; ten times that rate, falling along "
        "a cosine, goes further in as many epochs. A setting that is near the paper's figure after few epochs would "
        "end above it after 500, so it is too strong. "
        f"{_above(found)}"
    )


def _above(found: Sequence[Experiment]) -> str:
    """Which combinations have passed the paper's figures already: they are too strong to be the paper's."""
    above = [
        (f"after {experiment.epochs} epochs with {wording(experiment)}", network)
        for experiment in found
        for network in experiment.measured
        if network.paper_top1 and network.top1 > network.paper_top1 and experiment.epochs < paper.EPOCHS
    ]
    texts = [
        ", ".join(f"{one.label} by {one.top1 - one.paper_top1:.2f}" for _, one in members) + f" points {settings}"
        for settings, members in grouped(above, lambda pair: pair[0]).items()
    ]
    return f"Above the paper already, in fewer epochs: {'; '.join(texts) or 'none'}."


def questions(found: Sequence[Experiment]) -> list[tuple[str, list[str]]]:
    """(question, what each experiment answers), the questions that no experiment can answer left out."""
    asked = {  # each with the networks that the answer rests on
        "Does accuracy grow with the number of layers, at depth 1?": (findings.growth_with_layers, _shallow),
        "Does accuracy grow with depth, at equal layers?": (findings.growth_with_depth, _of_equal_layers),
        "Is Para-F-6-24 better than the serial Para-F-6-6?": (branches_beside_depth, _one_and_four),
    }
    answers = []
    for question, (answer, networks) in asked.items():
        sentences = [
            f"{full_name(experiment)}: {text}{_single(networks(experiment))}"
            for experiment in found
            if len(experiment.measured) > 1 and (text := answer(experiment))
        ]
        if sentences:
            answers.append((question, sentences))
    return answers


def _single(networks: list[Network]) -> str:
    return " Some of these networks have one seed only." if any(each.spread is None for each in networks) else ""


def _shallow(experiment: Experiment) -> list[Network]:
    return [each for each in experiment.measured if each.depth == 1]


def _of_equal_layers(experiment: Experiment) -> list[Network]:
    count = Counter(each.layers for each in experiment.measured)
    return [each for each in experiment.measured if count[each.layers] > 1]


def _one_and_four(experiment: Experiment) -> list[Network]:
    return [each for each in experiment.measured if (each.depth, each.layers) in ((6, 6), (6, 24))]


def branches_beside_depth(experiment: Experiment) -> str:
    """Para-F-6-24 against Para-F-6-6: the same depth, one branch and four."""
    found = {network.model: network for network in experiment.measured}
    one, four = (found.get(f"para_former_6_{layers}") for layers in (6, 24))
    if one is None or four is None:
        return ""
    gap = f"{signed(four.top1 - one.top1)} points{findings.doubt(one, four)}"
    return f"{four.label} {four.top1:.2f}, {one.label} {one.top1:.2f}: {gap}."

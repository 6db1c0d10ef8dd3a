"""The section on the theory: what the paper argues, each study's figure and findings, from records of kind "theory".

Where a study was run several times on one network, the last record counts. Figures are `theory_plots`, sentences
`theory_findings`; the accuracies beside the degrees of freedom come from the experiments of the same report.
"""

from collections.abc import Iterator, Mapping, Sequence

from para_former.records import Record
from para_former.reports import paper, theory_plots
from para_former.reports.document import Block, Cell, Figure, Heading, Paragraph, Points, Table
from para_former.reports.experiments import Experiment, label_of
from para_former.reports.fields import THEORY, read
from para_former.reports.tables import accuracy, full_name, not_measured, title
from para_former.reports.theory_findings import theory_sentences

INTRODUCTION = (
    "The paper rests on the universal approximation theorem: a sum G(x) of N terms alpha sigma(W x + theta) comes as "
    "near to any continuous function on a bounded closed set as one likes, if N is large enough. The terms do not wait "
    "for one another, so a network may be wide in place of deep. A transformer module, the paper says, has the form of "
    "such a term, with the difference that some or all of alpha, W and theta change with the image; how many do, it "
    "calls degrees of freedom. Below, these statements are carried out on networks: what holds, and what is weaker "
    "than it sounds."
)
TITLES = {
    "approximation": "Does the error fall with the number of terms?",
    "decomposition": "A trained network, written as such a sum",
    "freedom": "Degrees of freedom: what moves with the image",
    "similarity": "Do similar images get similar parameters?",
    "branches": "What each branch does",
}
CAPTIONS = {
    "approximation": "Error of Eq. 1 against N.",
    "decomposition": "Parts of the logits.",
    "freedom": "Degrees of freedom, counted and measured.",
    "similarity": "Similarity of parameters (Figure 6 of the paper).",
    "branches": "Loss against active branches.",
}
READING = {
    "approximation": "Line: median over seeds, band: lowest to highest. “alpha”: W and theta random, alpha by least "
    "squares; “all”: all three fitted. Dashed: the slope of Barron's bound, which holds for the best fit of functions "
    "of bounded first Fourier moment, and not for what an optimiser finds.",
    "decomposition": "Linear: L x, attention and residuals, at the attention weights that the whole network finds. "
    "Terms: alpha sigma(W x + theta). Constant and head: biases.",
    "freedom": "A slot is one of the parameters alpha, W, theta of a module, or the linear part or the constant of "
    "the branch; it moves by the share of its squared size that is not its mean over images. The paper counts 1 at "
    "depth 1 and 6 at depth 2 and gives no rule; the definition used here, which gives both, makes it 3m from there "
    "on. A bias theta of module 2 or deeper is no plain number: it holds the sigmas of the modules before it, that is, "
    "the network of smaller depth.",
    "similarity": "Similarity: cosine of what moves. A: attention weights; AUC: the probability that a pair of one "
    "class is more similar than a pair of two; grey: 95 % of what shuffled labels give. Twin: the same image, shifted "
    "or mirrored; noise: an image against random pixels.",
    "branches": "Both axes are logarithmic.",
}
DRAWINGS = {
    "approximation": theory_plots.approximation,
    "decomposition": theory_plots.parts,
    "similarity": theory_plots.similarity,
    "branches": theory_plots.branches,
}


def collect_theory(records_by_path: Mapping[str, list[Record]]) -> list[Record]:
    """The last record of each study of each network, with its path, studies in the order of the page."""
    found: dict[tuple, Record] = {}
    for path, record in read(records_by_path, "theory"):
        names = ("study", "dataset", "model", "recipe", "seed", "epochs")
        found[(*(str(record.get(name)) for name in names),)] = {**record, "path": path}
    return sorted(found.values(), key=lambda record: list(THEORY).index(record["study"]))


def theory_section(records: Sequence[Record], measured: Sequence[Experiment]) -> Iterator[Block]:
    """Nothing without records; those of `diversity` are the data effect's (`data_effect.py`)."""
    records = [record for record in records if record["study"] in TITLES]
    if not records:
        return
    yield Heading(2, "The theory", anchor="theory")
    yield Paragraph(INTRODUCTION)
    for study, heading in TITLES.items():
        members = [record for record in records if record["study"] == study]
        if members:
            yield Heading(3, heading)
            yield from _freedom(members, measured) if study == "freedom" else _study(study, members)


def _study(study: str, members: Sequence[Record]) -> Iterator[Block]:
    """A figure for each network, and its findings."""
    for record in members:
        if panels := tuple(DRAWINGS[study](record)):
            yield Figure(panels, f"{CAPTIONS[study]} {_of(record)}".strip(), READING[study])
        yield Points(tuple(theory_sentences(record)))
        if study == "branches" and record["branches"] > 1:
            yield branch_table(record)


def _freedom(members: Sequence[Record], measured: Sequence[Experiment]) -> Iterator[Block]:
    """One figure for all networks, since the count is the same for all of a depth."""
    yield Figure(tuple(theory_plots.freedom(members)), CAPTIONS["freedom"], READING["freedom"])
    yield Points(tuple(text for record in members for text in theory_sentences(record)))
    yield freedom_table(members[0], measured)


def freedom_table(record: Record, measured: Sequence[Experiment]) -> Table:
    """The count for each depth, beside the accuracies of the networks of that depth with 24 layers.

    Of experiments with several depths: one depth alone says nothing about freedom.
    """
    experiments = [each for each in measured if len({one.depth for one in each.measured if one.layers == 24}) > 1]
    columns = ["Depth m", "Freedom", "Affected slots", "With norms", "All slots", "Paper, CIFAR-10, n = 24, %"]
    published = paper.trained_from_scratch("cifar10")
    rows = []
    for count in record["counts"]:
        depth = count["depth"]
        numbers = [str(count[name]) for name in ("depth", "freedom", "affected", "affected_with_norms", "slots")]
        printed = published.get((depth, 24))
        row = [*map(Cell, numbers), Cell("–" if printed is None else f"{printed:.2f}")]
        rows.append((*row, *(_accuracy(each, depth) for each in experiments)))
    columns += [f"{full_name(each)}, n = 24, %" for each in experiments]
    caption = (
        "Freedom: slots that the input affects and that combine several parameters, the definition that gives the "
        "paper's 1 and 6. Affected: without the second condition. With norms: the modules as they are built. Freedom "
        "goes with depth alone, so accuracy that grows with one grows with the other; the table cannot tell them "
        "apart. A dash: 24 is no multiple of m, or the paper has no such network."
    )
    return Table(caption, tuple(columns), frozenset(columns), tuple(rows))


def branch_table(record: Record) -> Table:
    """One row a branch: error without it, error of it alone, its part of the logits, effective rank."""
    columns = ("Branch", "Error without it, %", "Error alone, %", "Size in the logits", "Effective rank")
    figures = zip(
        record["error_without"], record["error_alone"], record["logit_size"], record["effective_rank"], strict=True
    )
    rows = tuple(
        tuple(map(Cell, (str(j), f"{without[0]:.1f}", f"{alone[0]:.1f}", f"{size:.2f}", f"{rank:.1f}")))
        for j, (without, alone, size, rank) in enumerate(figures)
    )
    caption = f"{_of(record)} Size: root mean square of a branch's part of the logits. Rank: of what it adds to x."
    return Table(caption, columns, frozenset(columns), rows)


def _accuracy(experiment: Experiment, depth: int) -> Cell:
    for network in experiment.measured:
        if (network.depth, network.layers) == (depth, 24):
            return accuracy(network)
    return Cell("–") if 24 % depth else not_measured()


def _of(record: Record) -> str:
    if record["study"] == "approximation":  # of no network
        return ""
    return f"{label_of(record)} on {title(record['dataset'])}, {record['epochs']} epochs."

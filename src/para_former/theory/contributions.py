r"""What each branch does in a trained network: its share of the logits, its directions, and what is lost without it.

Branches meet in a sum before the last norm, so the outputs of any set S of branches follow from one pass over the
images: pool every y_j, then merge those in S. That is the network of these branches alone (`models.select_branches`)
exactly, though nobody trained it for that; every figure here says what the branches of one network do together, not
what a network trained with fewer of them would reach.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from para_former.models import ParaFormer
from para_former.models.para_former import expect_para_former, linear_head, merge
from para_former.records import Record
from para_former.theory.coefficients import expect_evaluation, reciprocal_deviation


@dataclass(frozen=True)
class BranchOutputs:
    """The pooled output of every branch for a set of images, and what it takes to make logits of them."""

    model: ParaFormer
    rows: Float[Tensor, "branches images width"]
    """y_j, pooled: the class token's row, or the mean over tokens"""
    inputs: Float[Tensor, "1 images width"]
    """x, pooled"""
    labels: Int64[Tensor, " images"]

    def merged(self, branches: Sequence[int]) -> Float[Tensor, "images width"]:
        """Pooling is linear, so pooled branches merge as whole ones do."""
        return merge(self.rows[list(branches), :, None], self.inputs[:, :, None], self.model.config)[:, 0]

    def logits(self, branches: Sequence[int]) -> Float[Tensor, "images classes"]:
        """Of the network with these branches alone."""
        return self.model.forward_head(self.model.norm(self.merged(branches))[:, None])

    def errors(self, branches: Sequence[int]) -> tuple[float, float]:
        """Error, percent, and mean cross-entropy, nats, with these branches alone."""
        logits = self.logits(branches)
        wrong = (logits.argmax(1) != self.labels).double().mean().item()
        return 100 * wrong, F.cross_entropy(logits, self.labels).item()

    def logit_shares(self) -> Float[Tensor, "branches images classes"]:
        """Exact parts of the logits: H diag(gamma) C r y_j, with r of the whole network's last norm.

        Their sum and the constant H beta + b are the logits (for merge "residual", x's own part besides).
        """
        config = self.model.config
        scale = reciprocal_deviation(self.merged(range(config.branches)))
        rows = self.rows / (config.branches if config.merge == "mean" else 1)
        centred = (rows - rows.mean(-1, keepdim=True)) * scale[:, None] * self.model.last_norm.weight
        head = linear_head(self.model)
        return centred if head is None else centred @ head[0].T


@torch.no_grad()
def branch_outputs(model: ParaFormer, batches: Iterable[tuple[Tensor, Tensor]]) -> BranchOutputs:
    """One pass over batches of (images [batch, channels, height, width], labels [batch]).

    Errors: InputError for another model or head, or one in training mode.
    """
    model = expect_para_former(model)
    expect_evaluation(model)
    linear_head(model)  # refuses others before the first pass
    rows, inputs, labels = [], [], []
    for images, targets in batches:
        x, first = model.forward_branches(images, read_out_only=model.config.pool == "cls")
        rows.append(x.mean(2))
        inputs.append(first.mean(2))
        labels.append(targets)
    return BranchOutputs(model, torch.cat(rows, 1), torch.cat(inputs, 1), torch.cat(labels))


@torch.no_grad()
def branch_study(chosen: BranchOutputs, judged: BranchOutputs) -> Record:
    """Every figure about the branches: orders are chosen on one set of images, errors are counted on another.

    Errors are [percent, nats]. `order_given` adds branches as they are numbered, `order_greedy` the one that lowers the
    cross-entropy most, each time. Rank and similarity are of y_j - x, what a branch adds to the image that all share.
    """
    everyone = list(range(chosen.model.config.branches))
    added = judged.rows - judged.inputs
    greedy = greedy_order(chosen)
    shares = judged.logit_shares()
    shares = shares - shares.mean(-1, keepdim=True)  # a number added to all logits decides nothing
    return {
        "branches": len(everyone),
        "images": len(judged.labels),
        "images_to_choose": len(chosen.labels),
        "error_all": judged.errors(everyone),
        "error_alone": [judged.errors([j]) for j in everyone],
        "error_without": [judged.errors([k for k in everyone if k != j]) for j in everyone] if everyone[1:] else [],
        "order_given": [judged.errors(everyone[: k + 1]) for k in everyone],
        "order_greedy": [judged.errors(greedy[: k + 1]) for k in everyone],
        "greedy": greedy,
        "logit_size": shares.square().mean((1, 2)).sqrt().tolist(),
        "effective_rank": [effective_rank(rows) for rows in added],
        "similarity": [[linear_cka(a, b) for b in added] for a in added],
    }


@torch.no_grad()
def greedy_order(outputs: BranchOutputs) -> list[int]:
    """Branches in the order in which each lowers the cross-entropy of those before it most."""
    order, left = [], list(range(outputs.model.config.branches))
    while left:
        best = min(left, key=lambda j: outputs.errors([*order, j])[1])
        order.append(best)
        left.remove(best)
    return order


def effective_rank(rows: Float[Tensor, "images width"]) -> float:
    """exp of the entropy of the normalised singular values of the centred rows (Roy & Vetterli 2007, Eq. 3, 4)."""
    sizes = torch.linalg.svdvals(rows - rows.mean(0))
    shares = sizes / sizes.sum()
    return torch.special.entr(shares).sum().exp().item()


def linear_cka(one: Float[Tensor, "images width"], other: Float[Tensor, "images width"]) -> float:
    """|A^T B|^2 / (|A^T A| |B^T B|), Frobenius norms, A and B centred (Kornblith et al. 2019, Eq. 4, linear kernel).

    Of independent features it is above 0 where images are few.
    """
    a, b = one - one.mean(0), other - other.mean(0)
    return ((a.T @ b).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm())).item()

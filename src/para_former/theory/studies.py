"""Questions of the theory as studies: images and a network in, a record's figures out; nothing is printed or stored.

Approximation needs no network; similarity and branches have files of their own; `on_data.py` brings the images.
"""

import copy
import time
from collections.abc import Sequence

import torch

from para_former.models import ParaFormer
from para_former.models.para_former import Images
from para_former.records import Record
from para_former.theory.decomposition import Decomposition, decompose
from para_former.theory.freedom import affected_slots, degrees_of_freedom, expand
from para_former.theory.probes import moving_share, slot_values
from para_former.theory.targets import targets
from para_former.theory.uat import error_against_terms

DEPTHS = range(1, 13)
NUDGE = 1e-3
"""what is added to one parameter to see that the identity then fails"""


def approximation_study(terms: Sequence[int], seeds: int, steps: int) -> Record:
    """Error against N for every target, alpha alone fitted and all parameters fitted."""
    curves = [
        {"target": target.name, "describe": target.describe}
        | error_against_terms(target.points, target.check, terms, seeds, how, steps=steps)
        for target in targets()
        for how in ("output", "all")
    ]
    return {"curves": curves}


@torch.no_grad()
def decomposition_study(model: ParaFormer, images: Images) -> Record:
    """The identity in float64, its failure for another parameter, and how much of the logits each part makes up."""
    model, images = in_float64(model), images.double()
    start = time.perf_counter()
    form = decompose(model, images)
    middle = time.perf_counter()
    found = form.reconstruct()
    seconds = {"decompose": middle - start, "reconstruct": time.perf_counter() - middle}
    expected = model(images)
    return {
        "images": len(images),
        "seconds": seconds,
        "units": form.units,
        "error": _error(found, expected),
        "error_in_pixels": _error_in_pixels(form, model, images, expected),
        "error_nudged": _error_nudged(model, images, found),
        "parts": _parts(form),
    }


@torch.no_grad()
def freedom_study(model: ParaFormer, images: Images, probes: int = 8) -> Record:
    """The count for every depth, and by how much each slot of this network truly moves over the images."""
    form = decompose(in_float64(model), images.double())
    counted = {(slot.name, slot.module): slot.counted for slot in expand(model.config.depth)}
    slots = []
    for slot in slot_values(form, probes):
        share = moving_share(slot.values)
        slots.append(
            {
                "slot": slot.name,
                "module": slot.module,
                "varies": slot.varies,
                "counted": counted[slot.name, slot.module],
                "moving": share.mean().item(),
                "moving_range": [share.min().item(), share.max().item()],
            }
        )
    return {"images": len(images), "probes": probes, "counts": freedom_counts(), "slots": slots}


def freedom_counts() -> list[Record]:
    """For m = 1..12: degrees of freedom, every slot the input affects, the same with norms, and slots in all."""
    return [
        {
            "depth": depth,
            "freedom": degrees_of_freedom(depth),
            "affected": affected_slots(depth),
            "affected_with_norms": affected_slots(depth, "layernorm"),
            "slots": 3 * depth + 2,
        }
        for depth in DEPTHS
    ]


def untrained(model: ParaFormer) -> ParaFormer:
    """A network of this shape before any training: what a figure must be compared with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ParaFormer(model.config).to(model.embed.pos_embed).eval()


def in_float64(model: ParaFormer) -> ParaFormer:
    """A copy of the network whose arithmetic is exact to 1e-15, in evaluation mode."""
    return copy.deepcopy(model).double().eval()


def _error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """max |found - expected| over max(1, max |expected|)."""
    return ((found - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def _error_in_pixels(form: Decomposition, model: ParaFormer, images: Images, expected: torch.Tensor) -> float | None:
    """None with a convolutional stem: its tokens are no linear function of the pixels."""
    if model.config.stem != "patch":
        return None
    return _error(form.in_pixels(model.embed, images).reconstruct(), expected)


def _error_nudged(model: ParaFormer, images: Images, found: torch.Tensor) -> float:
    """The smallest error over all parameter tensors, the last number of each changed in turn by NUDGE."""
    errors = []
    for parameter in model.parameters():
        last = parameter.view(-1)[-1]
        before = last.clone()
        last += NUDGE
        errors.append(_error(found, model(images)))
        last.copy_(before)
    return min(errors)


def _parts(form: Decomposition) -> list[Record]:
    """Size of each part in the logits, all branches together, and of what of it differs between images.

    Sizes are root mean squares over images and classes, of logits with their mean over classes taken away, over that of
    the logits themselves; parts may cancel, so the sizes need not add up to 1.
    """
    names = ["linear", "constant", *(f"terms of module {i}" for i in range(1, len(form.terms) + 1))]
    batch = form.inputs.shape[1]
    shares = [form.logit_shares(part.sum(0).expand(batch, -1, -1)) for part in form.parts()]
    names.append("head")
    shares.append(form.read_out.constant.expand(batch, -1))
    shares = [share - share.mean(-1, keepdim=True) for share in shares]
    whole = sum(shares)
    size, moving = (whole.square().mean().sqrt(), (whole - whole.mean(0)).square().mean().sqrt())
    return [
        {
            "part": name,
            "size": (share.square().mean().sqrt() / size).item(),
            "moving": ((share - share.mean(0)).square().mean().sqrt() / moving).item(),
        }
        for name, share in zip(names, shares, strict=True)
    ]

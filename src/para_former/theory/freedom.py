r"""Degrees of freedom: how many parameters of the UAT form of a branch move with the image.

Wang & Li (2024, Sec. 4.2) call this "the number of parameters affected by the input in UAT, such as a freedom of 1 in
Eq. 8 and a freedom of 6 in Eq. 9", and say no more. The form of a branch of depth m has 3m + 2 slots: alpha_i, W_i,
theta_i for i = 1..m, the linear part L and the constant c. The count that gives both of their numbers is

    freedom(m) = slots affected by the input  AND  combined, that is, made of several of the modules' parameters

which follows their notation (appendix A.1): a combined term gets a hat where the input affects it, while "we will keep
the original variables unchanged". It excludes one slot only, L = W'_{1,1} at m = 1, which the input affects as well and
which bears no hat. So freedom(1) = 1, freedom(2) = 6 and freedom(m) = 3m from there on: linear in m. The plain count
of affected slots is 2, 6, 9, ...; with the norms, which the paper leaves out, it is 3, 7, 10, ..., 3m + 1.
"""

from dataclasses import dataclass
from typing import Literal

from para_former.errors import InputError
from para_former.theory.symbols import ONE, ZERO, Expression, symbol

Module = Literal["paper", "layernorm"]


@dataclass(frozen=True)
class Slot:
    """One parameter of the form: alpha, W or theta of a module, or L or c of the branch (module 0)."""

    name: str
    module: int
    expression: Expression

    @property
    def counted(self) -> bool:
        """Affected by the input, and combined."""
        return self.expression.varies and self.expression.combined


def degrees_of_freedom(depth: int) -> int:
    """Freedom (Wang & Li 2024, Sec. 4.2; defined above) of a branch of `depth` modules, by expanding it: 1, 6, 9, ...

    Errors: InputError for a depth below 1.
    """
    return sum(slot.counted for slot in expand(depth))


def affected_slots(depth: int, module: Module = "paper") -> int:
    """Slots of one branch that the input affects at all."""
    return sum(slot.expression.varies for slot in expand(depth, module))


def expand(depth: int, module: Module = "paper") -> list[Slot]:
    """All 3m + 2 slots of a branch, each as a sum of products of the parameters of its modules.

    Module i maps y to P_i y + p_i + V_i sigma(U_i (P_i y + p_i) + u_i) + v_i. In the paper's module P_i is attention,
    affected by the input, U_i, V_i, u_i, v_i are weights, and p_i is absent. In ours ("layernorm", with the standard
    residual) P_i = I + (attention) (norm 1), p_i is a constant, and U_i = W_2 (norm 2) holds the second norm's scale.
    """
    if depth < 1:
        raise InputError(f"depth: expected at least 1, found {depth}")
    linear, constant, terms = ONE, ZERO, []
    for i in range(1, depth + 1):
        attention, shift = symbol(f"P{i}", varies=True), symbol(f"p{i}") if module == "layernorm" else ZERO
        first, hidden_bias = symbol(f"U{i}", varies=module == "layernorm"), symbol(f"u{i}")
        second, output_bias = symbol(f"V{i}"), symbol(f"v{i}")
        sigmas = ZERO
        for k, (alpha, _, _) in enumerate(terms, start=1):
            sigmas += alpha @ symbol(f"s{k}", varies=True)
        theta = first @ (attention @ (constant + sigmas) + shift) + hidden_bias
        weight = first @ attention @ linear
        terms = [(attention @ alpha, w, t) for alpha, w, t in terms] + [(second, weight, theta)]
        linear, constant = attention @ linear, attention @ constant + shift + output_bias
    slots = [Slot("L", 0, linear), Slot("c", 0, constant)]
    for i, term in enumerate(terms, start=1):
        slots += [Slot(name, i, value) for name, value in zip(("alpha", "W", "theta"), term, strict=True)]
    return slots

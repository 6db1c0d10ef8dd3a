"""The count gives the paper's numbers, and the slots it says move are those that move in a network."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from para_former import InputError, theory
from para_former.theory.probes import moving_share, slot_values
from tests.networks import images_for, small_network


def test_the_paper_counts_one_for_equation_8_and_six_for_equation_9():
    assert [theory.degrees_of_freedom(depth) for depth in (1, 2)] == [1, 6]


@given(st.integers(2, 12))
def test_from_depth_two_on_it_is_three_for_each_module(depth):
    assert theory.degrees_of_freedom(depth) == theory.affected_slots(depth) == 3 * depth
    assert theory.affected_slots(depth, "layernorm") == 3 * depth + 1
    assert len(theory.expand(depth)) == 3 * depth + 2


def test_equation_9_symbol_by_symbol():
    """Appendix A, Eq. (4): every combined term of its third line, under the names of the last."""
    found = {f"{slot.name}{slot.module or ''}": slot for slot in theory.expand(2)}
    assert {name: str(slot.expression) for name, slot in found.items()} == {
        "L": "P2 P1",  # W'_{i+1,2}
        "c": "P2 v1 + v2",  # b'_{i+1,5}
        "alpha1": "P2 V1",  # the first W'_{i+1,3}
        "W1": "U1 P1",  # W'_{i,1} under a hat
        "theta1": "u1",  # b'_{i,2}
        "alpha2": "V2",  # the second W'_{i+1,3}: another matrix under the same name
        "W2": "U2 P2 P1",  # W'_{i+1,4}
        "theta2": "U2 P2 v1 + U2 P2 V1 s1 + u2",  # b'_{i+1,4}: the sigma of module 1 is inside
    }
    assert {name for name, slot in found.items() if slot.counted} == {"L", "c", "alpha1", "W1", "W2", "theta2"}


def test_in_equation_8_the_linear_part_moves_too_but_is_no_combined_term():
    moving = [slot.name for slot in theory.expand(1) if slot.expression.varies]
    counted = [slot.name for slot in theory.expand(1) if slot.counted]
    assert (moving, counted) == (["L", "W"], ["W"])


@pytest.mark.parametrize(
    ("names", "counts"),
    [({"alpha", "W", "theta"}, [1, 4]), ({"c", "alpha", "W", "theta"}, [1, 5]), ({"W", "theta"}, [1, 3])],
)
def test_other_readings_do_not_give_both_numbers(names, counts):
    """Without L and c; L left out, since W_m is a constant times it; W and theta only (docs/theory.md, section 8)."""
    moving = [[s.name for s in theory.expand(depth) if s.expression.varies] for depth in (1, 2)]
    assert [sum(name in names for name in each) for each in moving] == counts


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_slots_said_to_move_are_those_that_move(depth, pool):
    model = small_network(depth=depth, pool=pool)
    found = list(slot_values(theory.decompose(model, images_for(model, 6)), probes=4))
    expected = [slot.expression.varies for slot in theory.expand(depth, "layernorm")]
    assert [slot.varies for slot in found] == expected
    assert [(slot.name, slot.module) for slot in found] == [
        (slot.name, slot.module) for slot in theory.expand(depth, "layernorm")
    ]
    moving = [moving_share(slot.values) for slot in found]
    assert [bool((share > 1e-6).all()) for share in moving] == expected
    assert [bool((share < 1e-20).all()) for share in moving] == [not varies for varies in expected]


def test_probes_see_frobenius_distances():
    model = small_network(depth=2, pool="mean")
    form = theory.decompose(model, images_for(model, 2))
    dense = form.terms[1].weight.dense()
    exact = (dense[:, 0] - dense[:, 1]).square().sum((1, 2))
    seen = next(s for s in slot_values(form, probes=400) if (s.name, s.module) == ("W", 2)).values
    torch.testing.assert_close((seen[:, 0] - seen[:, 1]).square().sum(-1), exact, rtol=0.1, atol=0)


def test_a_depth_of_zero_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        theory.degrees_of_freedom(0)


def test_the_moving_share_of_known_numbers():
    values = torch.tensor([[[1.0], [3.0]], [[-1.0], [1.0]], [[2.0], [2.0]]], dtype=torch.float64)
    assert moving_share(values).tolist() == pytest.approx([0.2, 1.0, 0.0])

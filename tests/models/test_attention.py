"""Attention of all tokens: the plain products that bfloat16 trains with on a CPU are the fused attention's function."""

import pytest
import torch
import torch.nn.functional as F

from para_former.models.layers import attend

SHAPE = (3, 2, 9, 8)  # rows, heads, tokens, head width


def outputs_and_gradients(function, dtype: torch.dtype) -> list[torch.Tensor]:
    torch.manual_seed(0)
    query, key, value, weights = (torch.randn(SHAPE).to(dtype) for _ in range(4))
    inputs = [tensor.requires_grad_() for tensor in (query, key, value)]
    output = function(*inputs)
    return [output.detach(), *torch.autograd.grad(output, inputs, weights)]


@pytest.mark.parametrize("autocast", [False, True], ids=["bf16", "autocast"])
def test_bfloat16_on_a_cpu_equals_fused_attention_in_outputs_and_gradients(autocast):
    exact = outputs_and_gradients(F.scaled_dot_product_attention, torch.float64)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = outputs_and_gradients(lambda q, k, v: attend(q, k, v, 0.0), torch.bfloat16)
        other = outputs_and_gradients(lambda q, k, v: attend(q, k, v.roll(1, dims=2), 0.0), torch.bfloat16)
    for ours, wrong, expected in zip(found, other, exact, strict=True):
        assert ours.dtype == torch.bfloat16
        torch.testing.assert_close(ours.double(), expected, atol=0.03, rtol=0.03)
        assert (wrong.double() - expected).abs().max() > 0.1  # the values of other tokens would be seen


def test_bfloat16_on_a_cpu_never_takes_the_fused_backward():
    def operations(dtype: torch.dtype) -> set[str]:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profile:
            outputs_and_gradients(lambda q, k, v: attend(q, k, v, 0.0), dtype)
        return {event.name for event in profile.events()}

    fused = "aten::_scaled_dot_product_flash_attention_for_cpu_backward"
    assert fused in operations(torch.float32)
    assert fused not in operations(torch.bfloat16)


def test_dropout_drops_attention_weights_and_keeps_their_mean():
    torch.manual_seed(0)
    query, key = (torch.zeros(1, 1, 2000, 4, dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    value = torch.ones(1, 1, 2000, 4, dtype=torch.bfloat16)
    mixed = attend(query, key, value, 0.5)
    assert mixed.float().std() > 0.01  # sums of 2000 weights, half of them dropped: 1 +- 0.022
    assert mixed.float().mean().item() == pytest.approx(1.0, abs=0.01)

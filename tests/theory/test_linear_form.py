"""Operators against the matrices that they stand for, and against the layers of the network, for any shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from para_former import InputError
from para_former.models.layers import normalize
from para_former.theory.coefficients import coefficients
from para_former.theory.maps import Features, Heads, Patches, Rows
from para_former.theory.pieces import attention_form, embedding_form, norm_form, product_form, read_out_form
from tests.networks import images_for, small_network

EXACT = {"rtol": 0, "atol": 1e-12}
small = st.integers(1, 4)


def random(*shape):
    return torch.randn(shape, dtype=torch.float64)


def forms(tokens, heads, head_width, out, channels, grid, size):
    """One of each kind, products and sums among them; leading axes [2 branches, 3 images] where there are any."""
    width = heads * head_width
    features, mix = Features(random(2, 1, out, width), tokens), Heads(random(2, 3, heads, out, tokens), width)
    rows = Rows(random(1, 3, tokens), width)
    patches = Patches(channels, grid, size, random(1))
    embedded = Features(random(width, channels * size**2), grid[0] * grid[1]) @ patches
    return [features, mix, rows, patches, features @ rows, mix @ (rows + rows), embedded]


@settings(max_examples=30)
@given(small, small, small, small, st.integers(1, 3), st.tuples(small, small), st.integers(1, 3))
def test_every_operator_is_its_matrix_and_its_adjoint_the_transpose(
    tokens, heads, head_width, out, channels, grid, size
):
    for form in forms(tokens, heads, head_width, out, channels, grid, size):
        dense, x = form.dense(), random(*form.inputs)
        torch.testing.assert_close(form.matvec(x.flatten()), dense @ x.flatten(), **EXACT)
        columns = random(x.numel(), 2)
        torch.testing.assert_close(form.matmat(columns), dense @ columns, **EXACT)
        adjoint = form.adjoint()
        assert (adjoint.inputs, adjoint.outputs) == (form.outputs, form.inputs)
        torch.testing.assert_close(adjoint.dense(), dense.mT, **EXACT)


@settings(max_examples=20)
@given(small, small, small, small)
def test_features_and_heads_are_kronecker_products(tokens, outputs, heads, head_width):
    weight, mix = random(outputs, heads * head_width), random(heads, outputs, tokens)
    eye = torch.eye(tokens, dtype=torch.float64)
    torch.testing.assert_close(Features(weight, tokens).dense(), torch.kron(eye, weight))
    pick = torch.block_diag(*[torch.ones(head_width, dtype=torch.float64)] * heads).reshape(heads, -1)
    expected = sum(torch.kron(mix[h], torch.diag(pick[h])) for h in range(heads))
    torch.testing.assert_close(Heads(mix, heads * head_width).dense(), expected)


def test_attention_is_the_sum_over_heads_of_mixing_kron_values():
    """Eq. 6: MHA(x) = sum_h A_h (x) (W_o W_v) applied to vec(x)."""
    model = small_network()
    level, numbers = model.levels[0], coefficients(model, images_for(model, 2)).levels[0]
    found = attention_form(level.attn, numbers.attention).linear.dense()[1, 0]
    value, output = level.attn.qkv.weight[1].chunk(3)[2], level.attn.proj.weight[1]
    heads = zip(numbers.attention[1, 0], output.chunk(3, 1), value.chunk(3, 0), strict=True)
    torch.testing.assert_close(found, sum(torch.kron(mix, o @ v) for mix, o, v in heads), **EXACT)


def test_a_convolutional_stem_has_no_form_in_pixels():
    with pytest.raises(InputError, match="stem: expected 'patch', which is linear in the pixels, found 'conv'"):
        embedding_form(small_network(stem="conv").embed)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_pieces_are_the_layers_they_stand_for(pool):
    model = small_network(depth=2, pool=pool)
    images, level = images_for(model), model.levels[0]
    found = coefficients(model, images)
    x = found.inputs
    torch.testing.assert_close(embedding_form(model.embed)(images), model.embed(images), **EXACT)
    normed = norm_form(level.norm1, found.levels[0].scale1)(x)
    torch.testing.assert_close(normed, level.norm1(normalize(x)), **EXACT)
    attended = attention_form(level.attn, found.levels[0].attention)(normed)
    torch.testing.assert_close(attended, level.attn(normalize(x), level.norm1), **EXACT)
    torch.testing.assert_close(product_form(level.mlp.fc1, x.shape[2])(normed), level.mlp.fc1(normed), **EXACT)
    merged = model._merged(images, read_out_only=pool == "cls")
    logits = read_out_form(model, found.last_scale)(merged).squeeze(1)
    torch.testing.assert_close(logits, model(images), **EXACT)


def test_a_product_holds_its_parts():
    """At 65 tokens of width 192 a dense W would take 49,920 x 12,480 numbers."""
    weight = torch.zeros(768, 192)
    form = Features(weight, 65) @ Rows(torch.ones(65), 192)
    assert form.apply(torch.zeros(65, 192)).shape == (65, 768)
    assert form.left.weight is weight

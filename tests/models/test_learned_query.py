"""A learned query for each branch is nothing new at depth 1: the class token's network has it in its biases.

What stands in `docs/execution.md`, shown: attention pooling with a free query vector per branch, written out plainly,
and the same logits from an ordinary class-token network with other biases.
"""

import pytest
import torch
import torch.nn.functional as F

from para_former import ParaFormer
from para_former.models.layers import EPSILON, normalize
from tests.networks import images_for, small_network


def pooled_by_queries(model: ParaFormer, images: torch.Tensor, queries: torch.Tensor, added: bool) -> torch.Tensor:
    """Logits where branch j asks with its own row queries[j], in place of the class token's.

    Its row goes on as queries[j] + attention where `added`, and as the attention alone where not.
    """
    config, (level,) = model.config, model.levels
    x = model.embed(images)
    total = 0
    for j, row in enumerate(queries):
        gamma, beta = level.norm1.weight[j], level.norm1.bias[j]
        weights, biases = level.attn.qkv.weight[j].chunk(3), level.attn.qkv.bias[j].chunk(3)
        tokens = normalize(x) * gamma + beta
        asked = normalize(row) * gamma + beta
        query, key, value = (
            F.linear(of, weight, bias).unflatten(-1, (config.heads, -1))
            for of, weight, bias in zip((asked, tokens, tokens), weights, biases, strict=True)
        )
        scores = torch.einsum("he,bthe->bht", query, key) * query.shape[-1] ** -0.5
        attended = torch.einsum("bht,bthe->bhe", scores.softmax(-1), value).flatten(1)
        attended = F.linear(attended, level.attn.proj.weight[j], level.attn.proj.bias[j])
        skip = row if config.residual == "standard" else asked
        u = skip + attended if added else attended
        v = F.layer_norm(u, u.shape[-1:], level.norm2.weight[j], level.norm2.bias[j], EPSILON)
        hidden = F.gelu(F.linear(v, level.mlp.fc1.weight[j], level.mlp.fc1.bias[j]))
        u = u if config.residual == "standard" else v
        total = total + u + F.linear(hidden, level.mlp.fc2.weight[j], level.mlp.fc2.bias[j])
    return model.head(model.norm(total))


@pytest.mark.parametrize("residual", ["standard", "normed"])
@pytest.mark.parametrize("added", [True, False])
@torch.no_grad()
def test_a_learned_query_of_each_branch_is_a_bias_of_the_class_tokens(residual, added):
    model = small_network(residual=residual)
    images, queries = images_for(model), torch.randn(model.config.branches, model.config.width, dtype=torch.float64)
    expected = pooled_by_queries(model, images, queries, added)
    assert (model(images) - expected).abs().max() > 1e-2  # before: the class token's own question

    (level,), width = model.levels, model.config.width
    own = model.embed.class_row()[0].expand_as(queries)
    asked, own_asked = (normalize(row) * level.norm1.weight + level.norm1.bias for row in (queries, own))
    query_weight = level.attn.qkv.weight[:, :width]
    level.attn.qkv.bias[:, :width] += torch.einsum("jed,jd->je", query_weight, asked - own_asked)
    skip, own_skip = (queries, own) if residual == "standard" else (asked, own_asked)
    level.attn.proj.bias += (skip if added else 0) - own_skip
    torch.testing.assert_close(model(images), expected, rtol=0, atol=1e-10)

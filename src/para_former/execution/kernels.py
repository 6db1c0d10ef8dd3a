r"""The class-token read-out of a few images as Triton kernels, few enough that reading weights takes the time.

With one image every product of the read-out has a single row per branch. Such a product is a sum over the weights as
they are read, so what stands before it (a norm, a softmax) and after it (a bias, GELU) costs nothing in the same
kernel. Two products in a row need no wait between them either, if each program takes a slice of what is between:

    W' f(W x + b) = sum_s W'[:, s] f(W[s, :] x + b[s]),    s slices of the head widths, or of the MLP's hidden units.

A program writes its part of the sum, and the next kernel adds up the parts, in a fixed order. Weights are loaded one
slice ahead of their use, the first slice before anything else, since they do not depend on the input (the query's are
loaded when they are used). W' lies as [in, out], so both products read whole rows; what threads hold is added up once,
behind the last slice.

Three kernels follow the tokens of the last level, whatever the number of branches and heads: `attend`, `mlp`,
`classify`; `embed` makes the tokens of depth 1. A program computes for one image, with sums in float32; weights and
tokens have any type. The weights are those of `folding.py`; the launches are `fused.py`.
"""

from typing import no_type_check  # a checker that wraps functions, as the tests' does, would hide them from Triton

import triton
import triton.language as tl

LOWEST = tl.constexpr(-1e30)  # below any score, and not infinite: the difference of two is a number


@triton.jit
@no_type_check
def _standardize(x, inside, D: tl.constexpr, EPSILON: tl.constexpr):
    """x_hat = (x - mean) / std along the last axis, of which `inside` are numbers and the rest is zero."""
    axis: tl.constexpr = len(x.shape) - 1
    mean = tl.sum(x, axis, keep_dims=True) / D
    centered = tl.where(inside, x - mean, 0.0)
    return centered * tl.rsqrt(tl.sum(centered * centered, axis, keep_dims=True) / D + EPSILON)


@triton.jit
@no_type_check
def _vector(numbers, d, inside):
    """numbers[d] in float32, zero outside."""
    return tl.load(numbers + d, mask=inside, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def _matrix(matrix, rows, columns, stride, some_rows, some_columns):
    """matrix[rows, columns] as it lies, zero outside."""
    inside = some_rows[:, None] & some_columns[None, :]
    return tl.load(matrix + rows[:, None] * stride + columns[None, :], mask=inside, other=0.0)


@triton.jit
@no_type_check
def _times(matrix, vector):
    """The product of both, summed in float32."""
    return tl.sum(matrix.to(tl.float32) * vector[None, :], 1)


@triton.jit
@no_type_check
def embed(
    images, weight, positions, tokens,
    image_stride, channel_stride, row_stride, column_stride,
    T: tl.constexpr, D: tl.constexpr, K: tl.constexpr, COLUMNS: tl.constexpr, PATCH: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_K: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """tokens[image, t] = W patch_{t-1} + positions[t]; token 0 has no patch. Programs: blocks of t, of D; images."""
    t = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)
    d = tl.program_id(1) * BLOCK_D + tl.arange(0, BLOCK_D)
    image = tl.program_id(2)
    patch = t - 1
    corner = image * image_stride + (patch // COLUMNS) * PATCH * row_stride + (patch % COLUMNS) * PATCH * column_stride
    has_patch = (t > 0) & (t < T)
    total = tl.zeros((BLOCK_T, BLOCK_D), tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)  # channel, row, column of a patch, as a convolution has them
        channel, row, column = k // (PATCH * PATCH), k // PATCH % PATCH, k % PATCH
        pixel = channel * channel_stride + row * row_stride + column * column_stride
        pixels = tl.load(
            images + corner[:, None] + pixel[None, :], mask=has_patch[:, None] & (k < K)[None, :], other=0.0
        )
        to_tokens = tl.trans(_matrix(weight, d, k, K, d < D, k < K))
        total = tl.dot(pixels.to(tl.float32), to_tokens.to(tl.float32), total, input_precision=PRECISION)
    total += _matrix(positions, t, d, D, t < T, d < D).to(tl.float32)
    place = (image * T + t)[:, None] * D + d[None, :]
    tl.store(tokens + place, total.to(tokens.dtype.element_ty), mask=(t < T)[:, None] & (d < D)[None, :])


@triton.jit
@no_type_check
def _ask(
    x, query_weight, query_bias, key_weight, gamma, beta, branch, first, d, inside,
    D: tl.constexpr, HEAD_WIDTH: tl.constexpr, NORMED: tl.constexpr, EPSILON: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    """W_k^T (W_q x_hat + b_q) of the head whose rows of both begin at `first`, for a token x; and what is added to."""
    x_hat = _standardize(x, inside, D, EPSILON)
    query = tl.zeros_like(x)
    for start in range(0, HEAD_WIDTH, SLICE):
        e = start + tl.arange(0, SLICE)
        to_query = _matrix(query_weight + branch * D * D, first + e, d, D, e < HEAD_WIDTH, inside)
        to_key = _matrix(key_weight + branch * D * D, first + e, d, D, e < HEAD_WIDTH, inside)
        asked = _vector(query_bias + branch * D, first + e, e < HEAD_WIDTH) + _times(to_query, x_hat)
        query += tl.sum(to_key.to(tl.float32) * asked[:, None], 0)
    if NORMED:
        x = _vector(gamma + branch * D, d, inside) * x_hat + _vector(beta + branch * D, d, inside)
    return query, x


@triton.jit
@no_type_check
def attend(
    tokens, key_query, query_weight, query_bias, key_weight, gamma, beta, rows, value_weight, proj_weight, parts,
    T: tl.constexpr, D: tl.constexpr, HEADS: tl.constexpr, HEAD_WIDTH: tl.constexpr,
    SHARED: tl.constexpr, NORMED: tl.constexpr, EPSILON: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_D: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    r"""parts[image, head] = W_o[:, s] W_v[s, :] \sum_t p_t x_hat_t, s the numbers of one head; programs: images, heads.

    The first head of a branch adds `rows`, what attention adds to and its bias. At depth 1 tokens are SHARED and
    W_k^T q is `key_query`, a constant; deeper, token 0 of each branch asks, and `rows` is the bias alone.
    """
    image, head, heads = tl.program_id(0), tl.program_id(1), tl.num_programs(1)  # heads of all branches
    branch, first = head // HEADS, head % HEADS * HEAD_WIDTH
    d = tl.arange(0, BLOCK_D)
    inside = d < D
    e = tl.arange(0, SLICE)
    value_weight, proj_weight = value_weight + branch * D * D, proj_weight + branch * D * D
    to_value = _matrix(value_weight, first + e, d, D, e < HEAD_WIDTH, inside)
    to_row = _matrix(proj_weight, first + e, d, D, e < HEAD_WIDTH, inside)
    row = _vector(rows + branch * D, d, inside)
    if SHARED:
        tokens += image * T * D
        query = _vector(key_query + head * D, d, inside)
    else:
        tokens += (branch * tl.num_programs(0) + image) * T * D
        query, added = _ask(
            _vector(tokens, d, inside), query_weight, query_bias, key_weight, gamma, beta, branch, first, d, inside, D,
            HEAD_WIDTH, NORMED, EPSILON, SLICE,
        )  # fmt: skip
        row += added
    t = tl.arange(0, BLOCK_T)
    x = _matrix(tokens, t, d, D, t < T, inside)
    top = tl.full((BLOCK_T,), LOWEST, tl.float32)
    total, mixed = tl.zeros((BLOCK_T,), tl.float32), tl.zeros((BLOCK_T, BLOCK_D), tl.float32)
    for _ in range(0, T, BLOCK_T):  # a softmax for each row of the tile: what was summed fades when a score is higher
        there = t < T
        t += BLOCK_T
        next_x = _matrix(tokens, t, d, D, t < T, inside)
        x_hat = _standardize(x.to(tl.float32), inside[None, :], D, EPSILON)
        score = tl.where(there, _times(x_hat, query), LOWEST)
        highest = tl.maximum(top, score)
        faded, p = tl.exp(top - highest), tl.where(there, tl.exp(score - highest), 0.0)
        total = total * faded + p
        mixed = mixed * faded[:, None] + p[:, None] * x_hat
        top, x = highest, next_x
    faded = tl.exp(top - tl.max(top, 0))
    mix = tl.sum(mixed * faded[:, None], 0) / tl.sum(total * faded, 0)
    part = tl.zeros((SLICE, BLOCK_D), tl.float32)
    for _ in range(0, HEAD_WIDTH, SLICE):
        e += SLICE
        next_to_value = _matrix(value_weight, first + e, d, D, e < HEAD_WIDTH, inside)
        next_to_row = _matrix(proj_weight, first + e, d, D, e < HEAD_WIDTH, inside)
        part += to_row.to(tl.float32) * _times(to_value, mix)[:, None]
        to_value, to_row = next_to_value, next_to_row
    row = tl.where(first == 0, row, 0.0) + tl.sum(part, 0)
    tl.store(parts + (image * heads + head) * D + d, row, mask=inside)


@triton.jit
@no_type_check
def mlp(
    parts, fc1_weight, fc1_bias, fc2_weight, fc2_bias, gamma, beta, outputs,
    D: tl.constexpr, HIDDEN: tl.constexpr, HEADS: tl.constexpr, NORMED: tl.constexpr, EPSILON: tl.constexpr,
    BLOCK_HEADS: tl.constexpr, BLOCK_D: tl.constexpr, UNITS: tl.constexpr, SLICE: tl.constexpr,
):  # fmt: skip
    """outputs[image, branch, block] = W_3[:, s] gelu(W_2[s, :] row_hat + b_2), s the block's UNITS of the hidden units.

    The first block of a branch adds what the module's sum adds to, and b_3. Programs: images, blocks, branches.
    """
    image, block, branch = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    number = image * tl.num_programs(2) + branch
    head, d = tl.arange(0, BLOCK_HEADS), tl.arange(0, BLOCK_D)
    inside = d < D
    unit, last = block * UNITS + tl.arange(0, SLICE), tl.minimum(block * UNITS + UNITS, HIDDEN)
    fc1_weight, fc2_weight = fc1_weight + branch * HIDDEN * D, fc2_weight + branch * D * HIDDEN
    to_hidden = _matrix(fc1_weight, unit, d, D, unit < last, inside)
    to_row = _matrix(fc2_weight, unit, d, D, unit < last, inside)
    bias = _vector(fc1_bias + branch * HIDDEN, unit, unit < last)
    row = tl.sum(_matrix(parts + number * HEADS * D, head, d, D, head < HEADS, inside), 0)
    row_hat = _standardize(row, inside, D, EPSILON)
    output = tl.zeros((BLOCK_D,), tl.float32)
    if block == 0:
        output += _vector(fc2_bias + branch * D, d, inside)
        if NORMED:
            output += _vector(gamma + branch * D, d, inside) * row_hat + _vector(beta + branch * D, d, inside)
        else:
            output += row
    part = tl.zeros((SLICE, BLOCK_D), tl.float32)
    for _ in range(0, UNITS, SLICE):
        unit += SLICE
        next_to_hidden = _matrix(fc1_weight, unit, d, D, unit < last, inside)
        next_to_row = _matrix(fc2_weight, unit, d, D, unit < last, inside)
        next_bias = _vector(fc1_bias + branch * HIDDEN, unit, unit < last)
        hidden = _times(to_hidden, row_hat) + bias
        part += to_row.to(tl.float32) * (0.5 * hidden * (1.0 + tl.erf(hidden * 0.7071067811865476)))[:, None]
        to_hidden, to_row, bias = next_to_hidden, next_to_row, next_bias
    output += tl.sum(part, 0)
    tl.store(outputs + (number * tl.num_programs(1) + block) * D + d, output, mask=inside)


@triton.jit
@no_type_check
def classify(
    outputs, inputs, norm_weight, norm_bias, head_weight, head_bias, logits,
    scale, repeated,
    D: tl.constexpr, PARTS: tl.constexpr, CLASSES: tl.constexpr, EPSILON: tl.constexpr,
    BLOCK_PARTS: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_CLASSES: tl.constexpr,
):  # fmt: skip
    """logits[image] = head(norm(scale * sum of the image's parts - repeated * inputs)); without classes the norm's row.

    Programs: images, blocks of classes.
    """
    image = tl.program_id(0)
    d = tl.arange(0, BLOCK_D)
    inside = d < D
    number = tl.program_id(1) * BLOCK_CLASSES + tl.arange(0, BLOCK_CLASSES)
    some = number < CLASSES
    shared = _vector(inputs, d, inside)
    gamma, beta = _vector(norm_weight, d, inside), _vector(norm_bias, d, inside)
    if CLASSES > 0:
        to_logits, bias = _matrix(head_weight, number, d, D, some, inside), _vector(head_bias, number, some)
    sums = tl.zeros((BLOCK_PARTS, BLOCK_D), tl.float32)
    for start in tl.range(0, PARTS, BLOCK_PARTS, num_stages=4):  # three tiles under way, or each waits for the last
        part = start + tl.arange(0, BLOCK_PARTS)
        sums += _matrix(outputs + image * PARTS * D, part, d, D, part < PARTS, inside)
    row = _standardize(scale * tl.sum(sums, 0) - repeated * shared, inside, D, EPSILON) * gamma + beta
    if CLASSES > 0:
        tl.store(logits + image * CLASSES + number, _times(to_logits, row) + bias, mask=some)
    else:
        tl.store(logits + image * D + d, row, mask=inside)

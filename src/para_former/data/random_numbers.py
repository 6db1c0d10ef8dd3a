"""Random numbers of each sample as a pure function of (seed, epoch, sample index).

So batch size, order, resuming and device never change a pixel. What the numbers do to an image is decided elsewhere.
"""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from scipy.special import betaincinv
from torch import Tensor


def _signed(value: int) -> int:
    """``value`` mod 2^64, as torch's int64 holds it."""
    return (value + 2**63) % 2**64 - 2**63


GAMMA = _signed(0x9E3779B97F4A7C15)
QUANTILES = 4096  # steps of the table from which Beta numbers are read


def uniform(seed: int, epoch: int, indices: Int64[Tensor, " batch"], count: int) -> Float32[Tensor, "batch count"]:
    """``count`` random numbers in [0, 1) for each sample, on the device of ``indices``.

    A counter-based generator: with splitmix64's output function mix (Steele, Lea and Flood 2014) and constant g,

        stream = mix(mix(mix(seed) + epoch) + index),   u_j = top 24 bits of mix(stream + (j + 1) g) / 2^24

    modulo 2^64, so u_j depends on neither ``count`` nor the other samples. Any int is a seed.
    """
    key = _mix(torch.tensor(_signed(seed)))
    key = _mix(key + _signed(epoch)).item()  # a number, not a tensor: no copy to the device
    counters = torch.arange(1, count + 1, device=indices.device) * GAMMA
    bits = _mix(_mix(indices + key)[:, None] + counters)
    return _shift_right(bits, 40).to(torch.float32) * 2**-24


def beta(uniforms: Float[Tensor, "*shape"], alpha: float) -> Float[Tensor, "*shape"]:
    """Beta(alpha, alpha) numbers: its inverse distribution function at ``uniforms``, linear between 4,097 exact values.

    The function is monotonic, and its table symmetric, so the mean stays 1/2.
    """
    table = _quantiles(alpha).to(uniforms.device)
    position = uniforms * QUANTILES
    step = position.long().clamp_(max=QUANTILES - 1)
    return torch.lerp(table[step], table[step + 1], position - step)


@lru_cache
def _quantiles(alpha: float) -> Float32[Tensor, " steps"]:
    lower = betaincinv(alpha, alpha, np.linspace(0, 0.5, QUANTILES // 2 + 1))
    return torch.tensor(np.concatenate([lower, 1 - lower[-2::-1]]), dtype=torch.float32)


def _mix(bits: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """splitmix64's output function: a bijection of 64 bits in which every output bit depends on every input bit."""
    bits = (bits ^ _shift_right(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ _shift_right(bits, 27)) * _signed(0x94D049BB133111EB)
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Int64[Tensor, "*shape"], places: int) -> Int64[Tensor, "*shape"]:
    """Logical shift: torch's int64 shift copies the sign bit, which is masked away."""
    return (bits >> places) & (2 ** (64 - places) - 1)

"""One step of a forward pass: what it computes, moves and calls. Which steps a network takes is `work.py`."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of PyTorch and the passes that belong to it, made `times` times; all sizes are of one of them."""

    part: str
    """where it belongs: embedding, level 0, ..., head; the layers of a serial network are one part"""
    products: int = 0
    """independent products [rows, inputs] x [inputs, outputs]"""
    rows: int = 1
    inputs: int = 0
    outputs: int = 0
    attention: bool = False
    """both products of attention, between tokens, in place of tokens and weights"""
    weights: int = 0
    """numbers that are the same in every forward pass"""
    functions: int = 0
    """numbers under a GELU, a softmax or a norm; attention's own softmax excepted"""
    moved: int = 0
    """numbers that passes over activations read and write; products excepted"""
    launches: int = 1
    """calls, or kernels of a GPU"""
    times: int = 1

    @property
    def operations(self) -> int:
        """Multiplications and additions of the products."""
        return 2 * self.products * self.rows * self.inputs * self.outputs


def weights(steps: Iterable[Step]) -> int:
    """Numbers of weights that products read, each once."""
    return sum(step.times * step.weights for step in steps)


def linear(part: str, branches: int, rows: int, inputs: int, outputs: int) -> Step:
    """Every token times weights; of several branches the bias is a pass of its own."""
    if branches == 1:
        return product(part, 1, rows, inputs, outputs)
    return row_product(part, branches, rows, inputs, outputs)


def row_product(part: str, products: int, rows: int, inputs: int, outputs: int) -> Step:
    """Rows times weights; then the bias. The copy that some CPUs make of few rows is left out."""
    return product(part, products, rows, inputs, outputs, moved=2 * products * rows * outputs, launches=2)


def product(part: str, products: int, rows: int, inputs: int, outputs: int, moved: int = 0, launches: int = 1) -> Step:
    sizes = {"products": products, "rows": rows, "inputs": inputs, "outputs": outputs}
    return Step(part=part, **sizes, weights=products * inputs * outputs, moved=moved, launches=launches)


def elementwise(part: str, functions: int = 0, moved: int = 0, launches: int = 1) -> Step:
    """Over activations; a function reads and writes what it is applied to."""
    return Step(part=part, functions=functions, moved=moved + 2 * functions, launches=launches)

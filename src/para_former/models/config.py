"""The one description of a Para-Former: sizes, shape of the parallelism, and the options the paper leaves open.

Only numbers and choices live here; what they mean in computation is `layers.py` and `para_former.py`.
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

from para_former.errors import InputError

Stem = Literal["patch", "conv"]
Pool = Literal["cls", "mean"]
Merge = Literal["sum", "mean", "residual"]
Residual = Literal["standard", "normed"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Para-Former-m-n: n transformer modules as n/m parallel branches of depth m. m = n is an ordinary ViT."""

    depth: int = 1
    """m: modules in series in one branch"""
    layers: int = 6
    """n: modules in all branches together, a multiple of depth"""
    image_size: int | tuple[int, int] | list = 32
    """pixels, one number or (height, width), which JSON has as a list; a multiple of patch_size"""
    patch_size: int = 4
    """pixels along the side of one square patch; with stem "conv" a power of two"""
    stem: Stem = "patch"
    """from pixels to tokens: one product per patch, or a few 3x3 convolutions"""
    in_channels: int = 3
    """colour channels of the image"""
    width: int = 192
    """D, the embedding dimension"""
    heads: int = 3
    """h: attention heads in one module; divides width"""
    mlp_ratio: float = 4.0
    """hidden width of the MLP over width"""
    num_classes: int = 10
    """logits; 0 leaves the head out and returns the read-out itself"""
    pool: Pool = "cls"
    """read-out: the class token, or the mean of all tokens (then there is no class token)"""
    merge: Merge = "sum"
    """how branches meet: their sum (the paper), their mean, or x + sum of what each adds to x"""
    residual: Residual = "standard"
    """what a module adds to: its input, or its input after the norm (the authors' later code)"""
    dropout: float = 0.0
    """probability, after the positions, after attention and in the MLP"""
    attention_dropout: float = 0.0
    """probability, on the attention weights"""
    drop_path: float = 0.0
    """stochastic depth of the last level, drawn per branch and image; level i of m has (i + 1)/m of it"""
    head_dropout: float = 0.0
    """probability, on the read-out before the head"""

    def __post_init__(self) -> None:
        for name in ("depth", "layers", "patch_size", "in_channels", "width", "heads", "num_classes"):
            least = 0 if name == "num_classes" else 1
            found = getattr(self, name)
            _expect(_whole(found) and found >= least, name, f"a whole number of at least {least}", found)
            object.__setattr__(self, name, int(found))  # NumPy's too, which JSON does not know
        sides = tuple(self.image_size) if isinstance(self.image_size, list) else self.image_size  # as JSON has it
        counted = len(sides) == 2 and all(map(_whole, sides)) if isinstance(sides, tuple) else _whole(sides)
        _expect(counted, "image_size", "a whole number, or (height, width)", self.image_size)
        object.__setattr__(self, "image_size", tuple(map(int, sides)) if isinstance(sides, tuple) else int(sides))
        _expect(self.layers % self.depth == 0, "layers", f"a multiple of depth {self.depth}", self.layers)
        _expect(self.width % self.heads == 0, "width", f"a multiple of heads {self.heads}", self.width)
        for side in self.image_shape:
            fits = side >= 1 and side % self.patch_size == 0
            _expect(fits, "image_size", f"a multiple of patch_size {self.patch_size}", self.image_size)
        if self.stem == "conv":
            halved = self.patch_size > 1 and self.patch_size.bit_count() == 1
            _expect(halved, "patch_size", "a power of two above 1 with stem 'conv'", self.patch_size)
        enough = isinstance(self.mlp_ratio, Real) and 0 < self.mlp_ratio < math.inf and self.mlp_width >= 1
        _expect(enough, "mlp_ratio", "a finite number, large enough for one hidden unit", self.mlp_ratio)
        object.__setattr__(self, "mlp_ratio", float(self.mlp_ratio))
        for name in ("dropout", "attention_dropout", "drop_path", "head_dropout"):
            found = getattr(self, name)
            _expect(isinstance(found, Real) and 0 <= found < 1, name, "a probability in [0, 1)", found)
            object.__setattr__(self, name, float(found))
        for name, choices in (("stem", Stem), ("pool", Pool), ("merge", Merge), ("residual", Residual)):
            expected = choices.__args__
            _expect(getattr(self, name) in expected, name, f"one of {', '.join(expected)}", getattr(self, name))

    @property
    def branches(self) -> int:
        """n/m: branches that run side by side."""
        return self.layers // self.depth

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        height, width = self.image_shape
        return height // self.patch_size, width // self.patch_size

    @property
    def tokens(self) -> int:
        """T: patches, and the class token where there is one."""
        rows, columns = self.grid
        return rows * columns + (self.pool == "cls")

    @property
    def mlp_width(self) -> int:
        """Hidden units of one MLP."""
        return int(self.width * self.mlp_ratio)

    def drop_path_at(self, level: int) -> float:
        """Linear rule of stochastic depth (Huang et al. 2016, Sec. 3): level i drops with (i + 1)/m of the rate."""
        return self.drop_path * (level + 1) / self.depth


def _whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _expect(holds: bool, name: str, expected: str, found: object) -> None:
    if not holds:
        raise InputError(f"{name}: expected {expected}, found {found!r}")

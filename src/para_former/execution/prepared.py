"""`prepare`: the same function as a trained network, arranged for speed.

What is folded is `folding.py`, one level is `frozen.py`, how many branches run in one product is `blocks.py`, CUDA
graphs are `graphs.py`, kernels of our own for a few images on a GPU `fused.py`. Here they are strung together: embed;
blocks of branches through their levels; all branches at once from where one row per image is left; merge, norm, head.
"""

import weakref
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from para_former.errors import InputError
from para_former.execution.blocks import branches_per_block, limits_matter
from para_former.execution.calibration import measure_block_limits, measure_few_rows
from para_former.execution.folding import fold_class_row
from para_former.execution.frozen import FrozenClassReadOut, FrozenEmbedding, FrozenLevel, FrozenMeanReadOut
from para_former.execution.graphs import Compute, GraphCache, record_compiled, record_cuda_graph
from para_former.models.embedding import expect_images
from para_former.models.layers import EPSILON
from para_former.models.para_former import ParaFormer, expect_para_former, linear_head, merge

Executor = Literal["auto", "loop", "batched", "graphed", "compiled", "fused"]
FEW_IMAGES = 8  # up to which "fused" has kernels: a program reads its weights for one image
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@torch.inference_mode(False)  # or its tensors could not be changed outside of that mode, by load_state_dict
def prepare(model: ParaFormer, executor: Executor = "auto", dtype: torch.dtype | None = None) -> "Prepared":
    """An inference module with the signature of `model` and frozen copies of its weights, on the model's device.

    `executor`: "loop" computes branch after branch; "batched" all branches in each product; "graphed" replays the
    batched form as one CUDA graph per batch size; "compiled" has torch.compile fuse its kernels first, on a GPU about a
    minute per batch size; "fused" records kernels of our own for up to eight images and a class token; "auto" takes
    blocks of branches on a CPU, by limits measured once per process (0.1 to 0.4 s); on a GPU a graph of all branches at
    once or, where one fills the GPU, of one after another. `dtype`: of weights and products, the model's own when None;
    the sum over branches, the last norm, the head and the logits are float32 at least. Errors: InputError for another
    model or head, an unknown executor or dtype, and for "fused" with a mean read-out or float64.
    """
    model = expect_para_former(model)
    if executor not in Executor.__args__:
        raise InputError(f"executor: expected one of {', '.join(Executor.__args__)}, found {executor!r}")
    dtype = dtype or model.embed.pos_embed.dtype
    if dtype not in DTYPES:
        raise InputError(f"dtype: expected one of {', '.join(map(str, DTYPES))}, found {dtype}")
    if executor == "fused" and (model.config.pool != "cls" or dtype == torch.float64):
        found = f"pool={model.config.pool!r} and {dtype}"
        raise InputError(f"executor: fused expects pool='cls' and at most float32, found {found}")
    return Prepared(model, executor, dtype)


class Prepared(nn.Module):
    """Made by `prepare`. `fallback`: the first reason why a call was not recorded, compiled or fused, or None."""

    def __init__(self, model: ParaFormer, executor: Executor, dtype: torch.dtype) -> None:
        super().__init__()
        head_weight, head_bias = linear_head(model) or (None, None)
        config = self.config = model.config
        self.executor = executor
        self.embed = FrozenEmbedding(model.embed, dtype)
        class_row = fold_class_row(model.embed) if config.pool == "cls" and config.depth == 1 else None
        *inner, last = model.levels
        self.inner = nn.ModuleList(FrozenLevel(level, config, dtype) for level in inner)
        if config.pool == "cls":
            self.last = FrozenClassReadOut(last, config, dtype, class_row)
        else:
            self.last = FrozenMeanReadOut(last, config, dtype)
        norm = model.last_norm
        exact = {
            "class_row": class_row,
            "norm_weight": norm.weight,
            "norm_bias": norm.bias,
            "head_weight": head_weight,
            "head_bias": head_bias,
        }
        for name, tensor in exact.items():
            self.register_buffer(name, None if tensor is None else tensor.detach().to(_exact(dtype), copy=True))
        self.register_load_state_dict_post_hook(_tensors_changed)
        self._plan()
        self.eval()

    @property
    def fallback(self) -> str | None:
        return self._graphs.fallback

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "batch channels height width"], branches: int | None = None
    ) -> Float[Tensor, "batch outputs"]:
        """Logits; with `branches` = k only the first k branches are computed and merged."""
        expect_images(images, self.config)
        count = self.config.branches if branches is None else branches
        if not 1 <= count <= self.config.branches:
            raise InputError(f"branches: expected 1 to {self.config.branches}, found {branches}")
        graphed = self.executor in ("graphed", "compiled", "fused") or (self.executor == "auto" and images.is_cuda)
        compute = self._graphs if graphed and not torch.compiler.is_compiling() else self._compute
        place = images.device.type
        # torch 2.11 cannot trace is_autocast_available
        has_autocast = torch.compiler.is_compiling() or torch.amp.is_autocast_available(place)
        if has_autocast and torch.is_autocast_enabled(place):
            with torch.autocast(place, enabled=False):  # the number format was chosen by `prepare`
                return compute(images, count)
        return compute(images, count)

    def _compute(self, images: Tensor, count: int) -> Tensor:
        x = self.embed(images)[None]  # every branch reads the same x
        size = branches_per_block(
            self.executor,
            self.config,
            count,
            batch=x.shape[1],
            dtype=x.dtype,
            threads=self.threads,
            limits=self.limits,
            on_gpu=x.device.type != "cpu",
        )
        blocks = [slice(start, min(start + size, count)) for start in range(0, count, size)]
        parts = [self.last.gather(self._before_last(x, block), block) for block in blocks]
        joined = (torch.cat(each) if len(each) > 1 else each[0] for each in zip(*parts, strict=True))
        rows = self.last.finish(*joined)[:, :, None]
        row = merge(rows, self._inputs(x), self.config)[:, 0]
        row = F.layer_norm(row, row.shape[-1:], self.norm_weight, self.norm_bias, EPSILON)
        return row if self.head_weight is None else F.linear(row, self.head_weight, self.head_bias)

    def _inputs(self, x: Tensor) -> Tensor:
        """x at the row that is read; merge "residual" subtracts it b - 1 times, so it is as exact as in them."""
        if self.class_row is not None:
            return self.class_row[None].expand(1, x.shape[1], -1, -1)
        if self.config.pool == "cls" or self.config.merge != "residual":
            return x[:, :, :1]
        return x.mean(2, keepdim=True, dtype=_exact(x.dtype))

    def _rewritten(self, images: Tensor) -> Compute | None:
        """The kernels of `fused.py` where they are asked for and compute such images."""
        few = self.executor == "fused" and 1 <= len(images) <= FEW_IMAGES and self.dtype != torch.float64
        this = weakref.ref(self)
        return (lambda images, count: this()._compute_fused(images, count)) if few else None

    def _compute_fused(self, images: Tensor, count: int) -> Tensor:
        """The same by kernels of our own. RuntimeError where there is no Triton, or it does not compile them."""
        try:
            from para_former.execution import fused

            x = self._before_last(fused.embed(self.embed, images)[None], slice(count))
            outputs = fused.read_out(self.last, x, count)
            norm = self.norm_weight, self.norm_bias
            head = self.head_weight, self.head_bias
            inputs = self.embed.positions[0] if self.class_row is None else self.class_row.flatten()
            return fused.classify(outputs, inputs, norm, head, self.config, branches=count)
        except Exception as error:  # Triton's have no base class below it, and a compiler's are anything
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    def _before_last(self, x: Tensor, block: slice) -> Tensor:
        """The tokens of these branches, as the last level reads them."""
        for level in self.inner:
            x = level(x, block)
        return x

    def _plan(self) -> None:
        """What forms of products are chosen by, as plain numbers: a traced call must find them, not measure them.

        And a place for graphs, empty: those recorded so far point at other tensors.
        """
        self.threads, self.limits = torch.get_num_threads(), None
        weight = self.embed.weight
        self.dtype = weight.dtype
        compiled = partial(record_compiled, dtype=self.dtype)
        record = compiled if self.executor == "compiled" else record_cuda_graph
        this = weakref.ref(self)  # a network held by its own graphs would stay until it is collected
        self._graphs = GraphCache(
            lambda images, count: this()._compute(images, count),
            record,
            self.dtype,
            rewritten=lambda images: this()._rewritten(images),
        )
        if weight.device.type != "cpu":
            self.last.arrange(0, in_first=self.last.second_weights if self.executor == "fused" else ())
            return
        few_rows = measure_few_rows(self.threads, self.dtype)
        self.last.arrange(few_rows, in_first=() if few_rows else self.last.row_weights)
        if limits_matter(self.executor, self.config, self.threads):
            self.limits = measure_block_limits(self.threads, self.dtype)

    def _replicate_for_data_parallel(self) -> "Prepared":
        """A copy of `nn.DataParallel`, which lives for one call, records no graphs: these point at our own tensors."""
        replica = super()._replicate_for_data_parallel()
        replica.executor = "batched"
        return replica

    def __getstate__(self) -> dict:
        """A copy, deep or pickled, records graphs of its own: these point at the tensors of this network."""
        return {**self.__dict__, "_graphs": None}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self._plan()

    def _apply(self, fn, recurse: bool = True) -> "Prepared":
        """Moved or cast (`.to`); the last norm and the head stay float32 at least, and are never rounded to less."""
        exact = dict(self.named_buffers(recurse=False))
        super()._apply(fn, recurse)
        for name, tensor in exact.items():
            moved = getattr(self, name)
            source = moved if tensor.is_meta else tensor
            setattr(self, name, source.to(moved.device, _exact(self.embed.weight.dtype)))
        self._plan()
        return self


def _tensors_changed(network: Prepared, *_: object) -> None:
    """Plan anew. PyTorch calls it after `load_state_dict`, which with `assign=True` puts other tensors in place."""
    network._plan()


def _exact(dtype: torch.dtype) -> torch.dtype:
    """Of the sum over branches and what follows it: float32 at least."""
    return torch.promote_types(dtype, torch.float32)

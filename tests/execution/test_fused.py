"""The kernels for a few images against the plain loop, in Triton's interpreter, and compiled for an absent GPU.

Triton reads how it is to run when it is imported, so each way has a process of its own.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import install_import_hook

import para_former as pf
from para_former.models.weights import select_branches
from tests.execution.test_reference import largest_error, numbers_of
from tests.networks import images_for, network_fields, small_network

TOLERANCE = 1e-4  # of float32 in networks whose numbers are up to a hundred


def process(**variables):
    """A process of its own with these environment variables and our type checks, which runs functions of this file."""
    pytest.importorskip("triton", reason="this PyTorch came without Triton")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        spawn, checks = multiprocessing.get_context("spawn"), ("para_former", "beartype.beartype")
        pool = ProcessPoolExecutor(1, spawn, install_import_hook, checks)
        pool.submit(os.getpid).result()  # it is started by its first task
    return pool


@pytest.fixture(scope="module")
def interpreter():
    with process(TRITON_INTERPRET="1") as pool:
        pool.submit(take_few_programs).result()
        yield pool


def take_few_programs():
    """The interpreter runs one after another; with these a sum still has more parts than one block."""
    from para_former.execution import fused

    fused.MLP_PROGRAMS = 24


def fused(model, dtype=torch.float32):
    """Images and branches -> logits of `model` by the kernels, on a CPU."""
    fast = pf.prepare(model, "fused", dtype)
    return lambda images, branches: fast._compute_fused(images.float(), branches).double()


@torch.no_grad()
def answer(fields, batch, branches=None, dtype=torch.float32):
    model = small_network(**fields)
    return fused(model, dtype)(images_for(model, batch), branches or model.config.branches)


def expected(fields, batch, branches=None):
    model = small_network(**fields)
    chosen = select_branches(model, range(branches or model.config.branches))
    return pf.reference(chosen, images_for(model, batch)).detach()


@settings(max_examples=8)
@given(
    fields=network_fields(most_branches=5).map(lambda fields: {**fields, "pool": "cls"}),
    chosen=st.integers(1, 5),
    batch=st.integers(1, 3),
)
def test_the_first_branches_of_any_shape_equal_the_loop_over_them(interpreter, fields, chosen, batch):
    branches = min(chosen, fields["layers"] // fields["depth"])
    found = interpreter.submit(answer, fields, batch, branches).result()
    torch.testing.assert_close(found, expected(fields, batch, branches), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("depth", [1, 2])
def test_tiles_that_do_not_hold_a_whole_network_equal_the_loop(interpreter, depth):
    """Several blocks of pixels, tokens, widths, hidden units, parts and classes; several slices of what is between."""
    sizes = {"width": 260, "heads": 2, "image_size": 32, "patch_size": 8, "mlp_ratio": 3.9, "num_classes": 17}
    fields = {"depth": depth, "layers": 2 * depth, **sizes}
    found = interpreter.submit(answer, fields, 1).result()
    torch.testing.assert_close(found, expected(fields, 1), rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("depth", [1, 2])
def test_weights_in_any_order_in_memory_equal_the_loop(interpreter, depth):
    found = interpreter.submit(channels_last, depth).result()
    torch.testing.assert_close(found, expected({"depth": depth}, 1), rtol=TOLERANCE, atol=TOLERANCE)


@torch.no_grad()
def channels_last(depth):
    model = small_network(depth=depth)
    fast = pf.prepare(model, "fused", torch.float32).to(memory_format=torch.channels_last)
    assert depth == 1 or not fast.last.key_weight.is_contiguous()
    return fast._compute_fused(images_for(model, 1).float(), model.config.branches).double()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 2e-2), (torch.float16, 2e-2)])
@pytest.mark.parametrize("depth", [1, 2])
def test_low_precision_stays_near(interpreter, depth, dtype, tolerance):
    found = interpreter.submit(answer, {"depth": depth}, 2, None, dtype).result()
    wanted = expected({"depth": depth}, 2)
    assert (found - wanted).norm() < tolerance * wanted.norm()


@pytest.mark.parametrize("depth", [1, 2])
def test_the_comparison_can_fail(interpreter, depth):
    fields = {"depth": depth, "layers": 2 * depth, "residual": "normed"}
    moved = interpreter.submit(after_changes, fields).result()
    assert moved and all(error > 3e-4 for error in moved.values()), moved


@torch.no_grad()
def after_changes(fields):
    """How far the logits go from the loop's when one number of each parameter changes."""
    model = small_network(**fields)
    images, errors = images_for(model, 1), {}
    wanted = pf.reference(model, images)
    for name, numbers in numbers_of(model):
        if model.config.depth > 1 and name.startswith("levels.0."):
            continue  # no kernel reads them
        before = numbers.clone()
        numbers.flatten()[-1] += 0.3
        errors[name] = largest_error(fused(model)(images, 2), wanted)
        numbers.copy_(before)
    return errors


def test_it_compiles_for_a_gpu_that_is_not_there(tmp_path):
    with process(TRITON_CACHE_DIR=str(tmp_path)) as pool:
        compiled = pool.submit(compile_all).result()
    assert {name for name, _ in compiled} == {"embed", "attend", "mlp", "classify"}
    assert all(memory < 113 * 2**10 for _, memory in compiled)  # two programs of a kernel share the 227 KiB of an H100


def compile_all():
    """Name and shared memory of every kernel that an answer needs, compiled for an H100; nothing runs."""
    import triton
    from triton.backends.compiler import GPUTarget

    from para_former.execution import kernels

    class Driver:
        """Stands in for CUDA's, and knows of one device."""

        def get_current_target(self):
            return GPUTarget("cuda", 90, 32)

        def get_current_device(self):
            return 0

        def get_current_stream(self, device):
            return 0

    class Compiled:
        """A kernel that is compiled where it would be launched."""

        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, grid):
            def launch(*arguments, **constants):
                binary = self.kernel.warmup(*arguments, grid=grid, **constants)
                compiled.append((binary.metadata.name, binary.metadata.shared))

            return launch

    compiled = []
    triton.runtime.driver.set_active(Driver())
    for name in ("embed", "attend", "mlp", "classify"):
        setattr(kernels, name, Compiled(getattr(kernels, name)))
    narrow, wide = {"width": 192, "residual": "normed"}, {"width": 768, "heads": 12, "depth": 2, "layers": 2}
    for fields, dtype in ((narrow, torch.bfloat16), (narrow, torch.float32), (wide, torch.bfloat16)):
        answer(fields, 1, dtype=dtype)
    return compiled


def test_kernels_are_for_a_few_images():
    fast = pf.prepare(model := small_network(), "fused", torch.float32)
    chosen = {batch: fast._rewritten(images_for(model, batch)) for batch in (0, 1, 8, 9)}
    assert [batch for batch, rewritten in chosen.items() if rewritten] == [1, 8]
    assert pf.prepare(model, "graphed")._rewritten(images_for(model, 1)) is None


def test_without_triton_the_reason_says_so(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("triton", "para_former.execution.fused"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("para_former.execution.fused", raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    fast = pf.prepare(model := small_network(), "fused", torch.float32)
    with pytest.raises(RuntimeError, match="triton"):
        fast._compute_fused(images_for(model, 1).float(), 6)


def test_without_a_gpu_the_answer_is_the_batched_one_and_the_reason_is_kept():
    model = small_network(dtype=torch.float32)
    fast, images = pf.prepare(model, "fused"), images_for(model)
    assert torch.equal(fast(images), pf.prepare(model, "batched")(images))
    assert "CUDA" in fast.fallback


@pytest.mark.parametrize(("fields", "dtype"), [({"pool": "mean"}, torch.float32), ({}, torch.float64)])
def test_what_the_kernels_do_not_compute_is_refused(fields, dtype):
    with pytest.raises(pf.InputError, match="fused expects pool='cls' and at most float32"):
        pf.prepare(small_network(**fields), "fused", dtype)

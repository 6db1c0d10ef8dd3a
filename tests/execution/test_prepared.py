"""Prepared networks against the plain loop: every executor, option, shape and precision; and what freezing means."""

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import para_former as pf
from para_former.execution.blocks import ROWS, BlockLimits
from para_former.execution.frozen import FEW_ROWS
from para_former.models.weights import select_branches, serial_vit
from tests.execution.test_reference import OPTIONS, TOLERANCE, largest_error, numbers_of
from tests.networks import images_for, network_fields, small_network

EXECUTORS = ("auto", "loop", "batched", "graphed")


@pytest.mark.parametrize(("depth", "pool", "merge", "residual"), OPTIONS)
def test_every_executor_equals_the_loop(depth, pool, merge, residual):
    model = small_network(depth=depth, pool=pool, merge=merge, residual=residual)
    for batch in (1, 7):
        images = images_for(model, batch)
        expected = pf.reference(model, images)
        for executor in EXECUTORS:
            assert largest_error(pf.prepare(model, executor)(images), expected) < TOLERANCE, executor


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("depth", [1, 2])
def test_no_images_give_no_logits(depth, pool):
    model = small_network(depth=depth, pool=pool)
    for executor in EXECUTORS:
        assert pf.prepare(model, executor)(images_for(model, 0)).shape == (0, 5), executor


@pytest.mark.parametrize("fields", [{"pool": "cls"}, {"pool": "mean"}, {"stem": "conv", "image_size": 16}])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_comparison_can_fail(depth, fields):
    model = small_network(depth=depth, **fields)
    images = images_for(model)
    expected = pf.reference(model, images)
    for name, numbers in numbers_of(model):
        with torch.no_grad():
            before = numbers.clone()
            numbers.flatten()[-1] += 1e-3
        error = largest_error(pf.prepare(model)(images), expected)
        with torch.no_grad():
            numbers.copy_(before)
        assert error > TOLERANCE, name


@settings(max_examples=30)
@given(
    fields=network_fields(most_branches=7),
    chosen=st.integers(1, 7),
    batch=st.integers(1, 6),
    threads=st.integers(1, 4),
    limits=st.builds(BlockLimits, st.sampled_from(ROWS), st.integers(0, 2**14)),
    few_rows=st.sampled_from((0, FEW_ROWS)),
    executor=st.sampled_from(EXECUTORS),
)
def test_the_first_branches_of_any_shape_equal_the_loop_over_them(
    fields, chosen, batch, threads, limits, few_rows, executor
):
    model = small_network(**fields)
    images, chosen = images_for(model, batch), min(chosen, model.config.branches)
    expected = pf.reference(select_branches(model, range(chosen)), images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: threads)  # what the blocks are planned for
        patch.setattr("para_former.execution.prepared.measure_block_limits", lambda *_: limits)
        patch.setattr("para_former.execution.prepared.measure_few_rows", lambda *_: few_rows)
        found = pf.prepare(model, executor)(images, branches=chosen)
    assert largest_error(found, expected) < TOLERANCE


@pytest.mark.parametrize(("pool", "stem"), [("cls", "patch"), ("mean", "patch"), ("cls", "conv")])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 2e-2)])
def test_low_precision_stays_near_and_gives_float32(depth, pool, stem, dtype, tolerance):
    model = small_network(depth=depth, pool=pool, stem=stem)
    for parameter in model.parameters():
        parameter.data *= 0.5
    images = images_for(model)
    expected = pf.reference(model, images)
    for executor in ("loop", "batched"):
        found = pf.prepare(model.float(), executor, dtype)(images.float())
        assert found.dtype == torch.float32
        assert ((found - expected).abs().max() / expected.abs().max()).item() < tolerance


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_prepared_network_that_is_cast_is_one_prepared_so(pool, dtype):
    model = small_network(torch.float32, pool=pool)
    images = images_for(model)
    asked, cast = pf.prepare(model, dtype=dtype), pf.prepare(model).to(dtype)
    assert cast.dtype == dtype
    assert {name: buffer.dtype for name, buffer in cast.named_buffers()} == {
        name: buffer.dtype for name, buffer in asked.named_buffers()
    }
    assert torch.equal(cast.head_weight, asked.head_weight) and torch.equal(cast.norm_bias, asked.norm_bias)
    assert largest_error(cast(images), asked(images)) < 2e-2


@pytest.mark.parametrize(("narrow", "wide"), [(torch.float32, torch.float64), (torch.bfloat16, torch.float32)])
@pytest.mark.parametrize(("depth", "pool"), [(1, "cls"), (1, "mean"), (2, "cls")])
def test_weights_are_folded_before_they_are_rounded(depth, pool, narrow, wide):
    """A network prepared in a wider format than its own is that of its weights: nothing is rounded on the way."""
    model = small_network(narrow, depth=depth, pool=pool)
    images = images_for(model).to(wide)
    exact = pf.reference(model.double(), images.double())
    model.to(narrow)
    assert largest_error(pf.prepare(model, dtype=wide)(images), exact) < 50 * torch.finfo(wide).eps


@pytest.mark.parametrize("depth", [1, 2])
def test_autocast_changes_nothing(depth):
    """The number format is chosen by `prepare`."""
    model = small_network(torch.float32, depth=depth)
    images, prepared = images_for(model), pf.prepare(model)
    expected = prepared(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(prepared(images), expected)


@pytest.mark.parametrize(("pool", "stem"), [("cls", "patch"), ("mean", "patch"), ("cls", "conv")])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_prepared_network_is_wholly_on_the_device_of_its_model(depth, pool, stem):
    """ "meta" stands for a GPU: PyTorch refuses to mix it with the CPU in one product just the same."""
    prepared = pf.prepare(small_network(torch.float32, depth=depth, pool=pool, stem=stem).to("meta"), "batched")
    assert {buffer.device.type for buffer in prepared.buffers()} == {"meta"}
    assert prepared(torch.zeros(3, 3, 8, 8, device="meta")).shape == (3, 5)


def test_off_the_cpu_all_branches_are_one_block():
    prepared, blocks = pf.prepare(small_network(torch.float32, depth=2).to("meta")), []
    prepared.inner[0].register_forward_hook(lambda _, inputs, __: blocks.append(inputs[1]))
    prepared(torch.zeros(3, 3, 8, 8, device="meta"))
    assert blocks == [slice(0, 3)]


def test_the_sum_over_branches_is_float32_where_bf16_would_lose_it():
    """256 equal branches: in bf16 a running sum of equal terms stops growing at 256 times the last bit kept."""
    model = small_network(layers=1)
    many = select_branches(model, [0] * 300)
    images = images_for(model)
    one, all_of_them = (pf.prepare(network, dtype=torch.bfloat16)(images) for network in (model, many))
    assert largest_error(all_of_them, one) < 1e-2  # the norm takes the factor 300 away again


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_prepared_weights_are_copies_without_gradients(stem):
    model = small_network(depth=2, stem=stem)
    images = images_for(model)
    prepared = pf.prepare(model)
    before = prepared(images)
    with torch.no_grad():
        for _, numbers in numbers_of(model):
            numbers.zero_()
    assert torch.equal(prepared(images), before)
    assert not list(prepared.parameters())
    assert not before.requires_grad and not prepared(images.requires_grad_()).requires_grad


def test_a_graph_that_cannot_be_had_is_told_and_done_without():
    model = small_network()
    prepared = pf.prepare(model, "graphed")
    assert prepared.fallback is None
    prepared(images_for(model))
    assert prepared.fallback == "a CUDA graph needs images on a CUDA device, found cpu"
    automatic = pf.prepare(model)
    automatic(images_for(model))
    assert automatic.fallback is None  # on a CPU nothing was missed


TAKERS = {
    "prepare": lambda model, path: pf.prepare(model),
    "reference": lambda model, path: pf.reference(model, images_for(small_network())),
    "decompose": lambda model, path: pf.theory.decompose(model, images_for(small_network())),
    "save": lambda model, path: pf.save(model, path),
    "select_branches": lambda model, path: select_branches(model, [0]),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("other", ["timm", "linear", "prepared", "nothing"])
def test_another_model_is_refused_with_what_it_is(other, taker, tmp_path, no_shape_checks):
    makers = {
        "timm": lambda: serial_vit(small_network().config),
        "linear": lambda: torch.nn.Linear(3, 5),
        "prepared": lambda: pf.prepare(small_network()),
        "nothing": lambda: None,
    }
    model = makers[other]()
    with pytest.raises(pf.InputError, match=f"model: expected a ParaFormer, found {type(model).__name__}; .*timm.md"):
        TAKERS[taker](model, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    "made", [lambda: timm.create_model("para_former_1_2", num_classes=5), lambda: torch.compile(small_network())]
)
def test_a_network_from_timms_registry_or_compiled_is_prepared(made, no_shape_checks):
    model = made().eval()
    images = images_for(model)
    assert largest_error(pf.prepare(model)(images), pf.reference(model, images)) < 1e-5


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize(
    ("num_classes", "head"),
    [
        (0, torch.nn.Linear(24, 7, dtype=torch.float64)),
        (5, torch.nn.Identity()),
        (5, torch.nn.Linear(24, 7, bias=False, dtype=torch.float64)),
    ],
)
def test_a_head_that_was_replaced_is_the_one_that_answers(num_classes, head, pool):
    model = small_network(num_classes=num_classes, pool=pool)
    model.head = head
    images = images_for(model)
    for found in (pf.prepare(model)(images), pf.reference(model, images)):
        assert found.shape == model(images).shape and largest_error(found, model(images)) < 1e-10


def test_bad_arguments_name_what_was_expected(no_shape_checks):
    model = small_network()
    executors = "auto, loop, batched, graphed, compiled, fused"
    with pytest.raises(pf.InputError, match=f"executor: expected one of {executors}, found 'fast'"):
        pf.prepare(model, "fast")
    with pytest.raises(pf.InputError, match="dtype: expected one of .* found torch.int8"):
        pf.prepare(model, dtype=torch.int8)
    prepared = pf.prepare(model)
    for branches in (-1, 0, 7):
        with pytest.raises(pf.InputError, match=f"branches: expected 1 to 6, found {branches}"):
            prepared(images_for(model), branches=branches)
    model.head = torch.nn.Sequential(model.head)
    for refuse in (pf.prepare, lambda model: pf.reference(model, images_for(model))):
        with pytest.raises(pf.InputError, match="head: expected one linear map, or none, found Sequential"):
            refuse(model)
    with pytest.raises(pf.InputError, match="images: expected"):
        prepared(torch.zeros(1, 3, 9, 9, dtype=torch.float64))


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("depth", [1, 2])
def test_what_the_merge_takes_away_many_times_is_as_exact_as_what_was_added(pool, depth):
    """With `merge="residual"` x is subtracted 23 or 11 times: rounded by itself it would be off as many times."""
    model = small_network(depth=depth, layers=24, width=48, pool=pool, merge="residual")
    images = images_for(model, 16)
    expected = pf.reference(model, images)
    found = pf.prepare(model, dtype=torch.bfloat16)(images.float())
    assert (found - expected).abs().max() < 0.02 * expected.abs().max()


def test_what_is_prepared_in_inference_mode_takes_other_weights_outside():
    model, other = small_network(), small_network()
    with torch.inference_mode():
        prepared = pf.prepare(model)
    prepared.load_state_dict(pf.prepare(other).state_dict())
    images = images_for(model)
    assert torch.equal(prepared(images), pf.prepare(other)(images))

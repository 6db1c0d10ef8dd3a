"""What only a GPU can show: recorded graphs compute what the plain loop does, and follow the network's tensors."""

import pytest
import torch

import para_former as pf
from tests.execution.test_reference import largest_error
from tests.networks import images_for, small_network

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("pool", "stem"), [("cls", "patch"), ("mean", "patch"), ("cls", "conv")])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-3), (torch.bfloat16, 2e-2)]
)
def test_a_graph_per_shape_equals_the_loop(depth, pool, stem, dtype, tolerance):
    model = small_network(depth=depth, pool=pool, stem=stem, image_size=16)
    fast = pf.prepare(model.cuda(), dtype=dtype)
    for batch in (1, 7, 1):
        for images in (images_for(model, batch).cuda(), images_for(model, batch).cuda().flip(-1)):  # a replay sees them
            found, expected = fast(images.to(dtype)).double(), pf.reference(model, images)
            assert (found - expected).norm() / expected.norm() < tolerance
    assert fast.fallback is None and len(fast._graphs) == 2


def test_graphs_of_some_branches_are_their_own():
    model = small_network(layers=6).cuda()
    fast, images = pf.prepare(model), images_for(model).cuda()
    assert not torch.allclose(fast(images), fast(images, branches=2))
    expected = pf.prepare(model, "batched")(images, branches=2)
    torch.testing.assert_close(fast(images, branches=2), expected)


def test_graphs_follow_other_weights_and_another_dtype():
    model, other = (small_network(depth=2).cuda() for _ in range(2))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 1.1
    fast, images = pf.prepare(model), images_for(model).cuda()
    before = fast(images)
    fast.load_state_dict(pf.prepare(other).state_dict())
    assert largest_error(fast(images), pf.reference(other, images)) < 1e-10
    assert not torch.allclose(fast(images), before)
    assert largest_error(fast.to(torch.float32)(images.float()).double(), pf.reference(other, images)) < 1e-4


def test_a_network_moves_to_the_gpu_and_back():
    model = small_network(depth=2)
    images = images_for(model)
    fast, expected = pf.prepare(model), pf.reference(model, images)
    for device in ("cuda", "cpu", "cuda"):
        assert largest_error(fast.to(device)(images.to(device)).cpu(), expected) < 1e-10


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 2e-2)])
def test_kernels_for_few_images_equal_the_loop(depth, stem, dtype, tolerance):
    model = small_network(depth=depth, stem=stem, image_size=16).cuda()
    fast = pf.prepare(model, "fused", dtype)
    for batch in (1, 8, 9):
        images = images_for(model, batch).cuda()
        for seen in (images, images.flip(-1)):
            found, expected = fast(seen.float()).double(), pf.reference(model, seen)
            assert (found - expected).norm() / expected.norm() < tolerance
    assert fast.fallback is None and len(fast._graphs) == 3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 2e-2), (torch.float16, 2e-2)])
@pytest.mark.parametrize("image_size", [32, 56])  # 65 and 197 tokens
@pytest.mark.parametrize(("depth", "layers", "width"), [(1, 24, 192), (2, 24, 192), (6, 24, 192), (1, 6, 768)])
def test_kernels_equal_the_loop_at_the_sizes_they_are_for(depth, layers, width, image_size, dtype, tolerance):
    """Where every loop of a kernel runs more than once, which it does not in a small network."""
    torch.manual_seed(0)
    config = pf.ModelConfig(depth=depth, layers=layers, width=width, heads=width // 64, image_size=image_size)
    model = pf.ParaFormer(config).double().eval().cuda()
    fast = pf.prepare(model, "fused", dtype)
    for batch in (1, 2, 8):
        images = images_for(model, batch).cuda()
        replayed = [fast(each.float()) for each in (images, images.flip(-1), images)]
        assert torch.equal(replayed[0], replayed[2])
        for found, seen in zip(replayed, (images, images.flip(-1)), strict=False):
            expected = pf.reference(model, seen)
            assert (found.double() - expected).norm() / expected.norm() < tolerance
    assert fast.fallback is None


def test_kernels_that_compute_something_else_are_not_used():
    model = small_network().cuda()
    fast, images = pf.prepare(model, "fused", torch.float32), images_for(model).cuda()
    fast._graphs.rewritten = lambda images: lambda images, count: fast._compute(images, count).roll(1, -1)
    assert largest_error(fast(images.float()).double(), pf.reference(model, images)) < 1e-3
    assert "are off by" in fast.fallback


@pytest.mark.filterwarnings("ignore")
def test_compiled_and_recorded_equals_the_loop(no_shape_checks):
    model = small_network(depth=2).cuda()
    fast, images = pf.prepare(model, "compiled", torch.float32), images_for(model).cuda()
    for seen in (images, images.flip(-1)):
        found, expected = fast(seen.float()).double(), pf.reference(model, seen)
        assert (found - expected).norm() / expected.norm() < 1e-3
    assert fast.fallback is None and len(fast._graphs) == 1

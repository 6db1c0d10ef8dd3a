"""torch.export takes the networks, plain and prepared, with the batch left open; torch.compile takes them whole."""

import subprocess
import sys

SCRIPT = """
import torch
import para_former as pf
from para_former.execution.calibration import measure_block_limits

for name, pool, stem in [
    ("para_former_1_6", "cls", "patch"),
    ("para_former_2_6", "cls", "conv"),
    ("para_former_2_6", "mean", "patch"),
]:
    model = pf.create_model(name, pool=pool, stem=stem, image_size=8).eval()
    prepared = pf.prepare(model)
    functions = [torch.compile(prepared, fullgraph=True, backend="eager", dynamic=False)]
    for network in (model, prepared):
        shapes = {"images": {0: torch.export.Dim("batch", min=2)}}
        functions.append(torch.export.export(network, (torch.randn(4, 3, 8, 8),), dynamic_shapes=shapes).module())
    for size in (2, 7):
        images = torch.randn(size, 3, 8, 8)
        for function in functions:
            torch.testing.assert_close(function(images), model(images), rtol=1e-5, atol=1e-5)
assert measure_block_limits.cache_info().misses == 1, "measured by prepare alone, and once"
print("exported")
"""


def test_exported_and_compiled_networks_compute_the_same_for_any_batch():
    """In a process of its own: the tests' shape checks would be traced too."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.strip() == "exported", done.stderr

"""torch.export takes the networks as they are, with the batch left open."""

import subprocess
import sys

SCRIPT = """
import torch
import para_former as pf

for name, pool in [("para_former_1_6", "cls"), ("para_former_2_6", "cls"), ("para_former_2_6", "mean")]:
    model = pf.create_model(name, pool=pool, image_size=8).eval()
    batch = {0: torch.export.Dim("batch", min=2)}
    exported = torch.export.export(model, (torch.randn(4, 3, 8, 8),), dynamic_shapes=(batch,)).module()
    for size in (1, 2, 7):
        images = torch.randn(size, 3, 8, 8)
        torch.testing.assert_close(exported(images), model(images), rtol=1e-5, atol=1e-5)
print("exported")
"""


def test_exported_networks_compute_the_same_for_any_batch():
    """In a process of its own: the tests' shape checks would be traced too."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.strip() == "exported", done.stderr

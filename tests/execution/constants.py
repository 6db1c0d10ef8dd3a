"""Made-up constants of a device, round numbers: tests of the planner never look at a clock."""

from dataclasses import replace

from para_former.execution.device import DeviceConstants

CPU = DeviceConstants(
    name="made up",
    kind="cpu",
    dtype="float32",
    lanes=2,
    batched_rate=((1, 40e9), (16, 120e9), (64, 160e9), (1024, 200e9)),
    single_rate=((1, 20e9), (16, 80e9), (64, 120e9), (1024, 180e9)),
    attention_rate=((64, 60e9), (256, 120e9)),
    function_rate=4e9,
    cache_bytes=32.0 * 2**20,
    cache_rate=200e9,
    memory_rate=40e9,
    packing_rate=25e9,
    launch_cost=5e-6,
)
GPU = replace(
    CPU,
    kind="cuda",
    dtype="bfloat16",
    lanes=132,
    batched_rate=((4096, 600e12),),
    single_rate=((4096, 600e12),),
    attention_rate=((64, 100e12), (256, 200e12)),
    function_rate=2e12,
    cache_bytes=50.0 * 2**20,
    cache_rate=6e12,
    memory_rate=4e12,
    packing_rate=4e12,
    launch_cost=1.5e-6,
)

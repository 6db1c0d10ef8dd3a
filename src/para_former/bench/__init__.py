"""Speed, measured: always a ratio of two things timed in one interleaved run."""

from para_former.bench.latency import measure_latency

__all__ = ["measure_latency"]

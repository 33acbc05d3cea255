"""Plain, slow versions of what the package does fast, to compare it with."""

from stereo.benchmark.published_schedule import PublishedSchedule, plain_shift
from stereo.benchmark.runs import published_views
from tests.oracles.triple_loop import loop_shift

__all__ = ["PublishedSchedule", "loop_shift", "plain_shift", "published_views"]

"""The small models of the stereo tests, for those of the report."""

from tests.stereo.conftest import tiny_depth_conditioned, tiny_model

__all__ = ["tiny_depth_conditioned", "tiny_model"]

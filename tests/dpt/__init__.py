"""Tests of the depth network."""

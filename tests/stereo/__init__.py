"""Tests of the stereo package."""

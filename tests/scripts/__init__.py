"""Tests of the command lines, the notebook and the set-up."""

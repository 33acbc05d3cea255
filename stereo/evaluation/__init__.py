"""Evaluation: data sets -> views on disk -> scores -> tables."""

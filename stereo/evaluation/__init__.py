"""Evaluates methods on stereo data sets: scenes become right views, views scores, scores tables.

Each step works from files, so that runs resume, can be shared among processes, and can score the
views of other programs too. It calls the workflows as any user does; only `evaluate.py` and the
report of the embedded model may import it.
"""

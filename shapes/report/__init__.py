"""Figures of the embedded model on scenes and photographs that it has not seen.

Each figure is a function from a `Bench` (settings, models) to `Line`s; `command` prints them as a
table and writes it into `models/README.md`. It may use every room of `stereo`; nothing imports it.
"""

"""A page to look at a pair: one HTML file that needs no network, opened from disk.

It stands on the numbers of `stereo.formats` (glasses, colours, wiggle) and is one of its formats,
so it imports single modules from there and never the registry.
"""

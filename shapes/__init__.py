"""The embedded model "Shapes": the world it knows, its training, and the report on it.

It stands on `dpt` and `ldm`; only its report uses `stereo`. Nothing that runs the published
weights may depend on it.
"""

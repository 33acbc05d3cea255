"""The embedded model: what it learns from, how it is trained, and how good it is.

Three rooms: `world` renders scenes with captions and exact disparity, `training` trains the
networks on them, `report` measures the result. Nothing here is needed to make stereo pairs, and
nothing in `dpt`, `ldm` or `stereo` may import it, but for the data set that evaluation renders.
"""

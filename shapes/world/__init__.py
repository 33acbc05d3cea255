"""The procedural world: textured solids on a floor, drawn by seed, rendered as stereo pairs.

From a seed to a `Scene` (`layout`), from scenes to tensors (`trace`), from those to pictures
(`render`, `scenes`), captions and true disparity; `python -m shapes.world` writes them to disk.
The same seed gives the same bytes; nothing here may know of networks or of training.
"""

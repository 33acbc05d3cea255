"""Training of the embedded model's networks, one YAML file of `configs/shapes` a part.

A part is a `Task` (what is learned); `loop` (how) runs any of them with Lightning; `run` joins the
two. It stands on `dpt`, `ldm` and `shapes.world`; how networks are used belongs to those rooms, how
good they are to `shapes.report`.
"""

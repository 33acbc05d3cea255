"""How networks run on this machine: finding, loading, devices, layouts, caches and memory.

Nothing here changes a result beyond rounding. The method does not import this room; the workflows
hand it in.
"""

"""Whether a pair is comfortable to see: limits of parallax, strength, report, display window.

Everything here acts on numbers before the workflow is called, or on the finished pair after it.
The method, the depth and the pixels never import this room.
"""

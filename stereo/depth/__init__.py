"""From pictures to disparity: depth networks, maps of the user's own, and their units.

`parallax` is the only place where a map changes its unit, `disparity` runs networks. How a right
view is made of a map is no matter of this room.
"""

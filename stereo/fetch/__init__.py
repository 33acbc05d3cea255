"""Fetching weights: the only room that uses the network.

`__main__` is the command, `download` asks the hub, checks what comes and puts it into its place.
"""

"""What the preset `best` adds to the paper: the left picture is warped at its own size.

`warp` moves pixels, `holes` continues the background, `inpaint` lets diffusion change that, and
`right_view` puts them together; `codec` leads from pictures to latents and back. Depth networks,
files and displays stay outside.
"""

"""The paper's method: read `shift`, `latent_shift`, `schedule`, `attention`, `run`, `denoise`.

`conditioning`, `noise` and `inversion` are what they stand on. Everything happens on latents; maps
come in as cells, and what saves time or memory is handed in (`run.Saving`). Nothing here knows of
pictures, files, displays or devices: it imports torch, einops, `ldm` and `stereo.options` alone.
"""

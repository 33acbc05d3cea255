"""The depth network of depth-conditioned latent diffusion."""

"""GEAR: transfer learning on molecules by matching the curvature of latent spaces (arXiv 2506.13015)."""

__version__ = "0.1.0"

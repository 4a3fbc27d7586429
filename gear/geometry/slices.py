"""Where the data lie in the latent space: the directions of a slice."""

import torch
from torch import Tensor

__all__ = ["principal_directions"]


def principal_directions(z: Tensor, rank: int) -> Tensor:
    """The `rank` leading principal directions of a latent batch z (B x n): orthonormal columns (n x rank), detached."""
    centred = z.detach() - z.detach().mean(0)
    # eigh raises on NaN; a diverged batch must reach the loop's own check instead
    _, vectors = torch.linalg.eigh(torch.nan_to_num(centred.mT @ centred))
    leading: Tensor = vectors[:, -rank:].flip(1)
    return leading

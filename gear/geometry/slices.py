"""Principal directions of the data in the latent space and their effective number of dimensions."""

import torch
from torch import Tensor

__all__ = ["participation_ratio", "principal_directions"]


def principal_directions(z: Tensor, rank: int) -> Tensor:
    """The `rank` leading principal directions of a latent batch z (B x n): orthonormal columns (n x rank), detached."""
    centred = z.detach() - z.detach().mean(0)
    # eigh raises on NaN, but the training loop must get a diverged batch to count it
    covariance = torch.nan_to_num(centred.mT @ centred)
    try:
        _, vectors = torch.linalg.eigh(covariance)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        # all molecules at one point, up to rounding: any directions do
        vectors = torch.eye(len(covariance), dtype=z.dtype, device=z.device)
    leading: Tensor = vectors[:, -rank:].flip(1)
    return leading


def participation_ratio(z: Tensor) -> Tensor:
    """Effective number of dimensions of a latent batch z (B x n): (sum of variances)^2 / sum of their squares, 1 to n.

    The variances are those along the principal directions.
    """
    centred = z - z.mean(0)
    covariance = centred.mT @ centred
    return covariance.trace().square() / covariance.square().sum().clamp(min=1e-30)

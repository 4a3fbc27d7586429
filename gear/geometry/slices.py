"""Principal directions of the data in the latent space and their effective number of dimensions."""

import torch
from torch import Tensor

__all__ = ["participation_ratio", "principal_directions"]


def principal_directions(z: Tensor, rank: int, real: Tensor | None = None) -> Tensor:
    """The `rank` leading principal directions of latent batches z (... x B x n): orthonormal columns, detached.

    Args:
        z: points.
        rank: how many directions.
        real: which points count (... x B), bool; all if None.

    Returns:
        The directions (... x n x rank).
    """
    points = z.detach()
    if real is None:
        centred = points - points.mean(-2, keepdim=True)
    else:
        counts = real.sum(-1)[..., None, None]
        mean = torch.where(real[..., None], points, 0.0).sum(-2, keepdim=True) / counts
        centred = torch.where(real[..., None], points - mean, 0.0)
    # eigh raises on NaN, but the training loop must get a diverged batch to count it
    covariance = torch.nan_to_num(centred.mT @ centred)
    return _eigenvectors(covariance)[..., -rank:].flip(-1)


def _eigenvectors(matrices: Tensor) -> Tensor:
    """Of symmetric matrices (... x n x n), in columns by ascending eigenvalue; the identity where there are none."""
    try:
        vectors: Tensor = torch.linalg.eigh(matrices)[1]
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        if matrices.dim() > 2:  # one must not change what the others get
            return torch.stack([_eigenvectors(matrix) for matrix in matrices])
        # all molecules at one point, up to rounding: any directions do
        return torch.eye(len(matrices), dtype=matrices.dtype, device=matrices.device)
    return vectors


def participation_ratio(z: Tensor) -> Tensor:
    """Effective number of dimensions of a latent batch z (B x n): (sum of variances)^2 / sum of their squares, 1 to n.

    The variances are those along the principal directions.
    """
    centred = z - z.mean(0)
    covariance = centred.mT @ centred
    return covariance.trace().square() / covariance.square().sum().clamp(min=1e-30)

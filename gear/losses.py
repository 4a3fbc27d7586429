"""The loss terms of the method, as pure functions. All means are over molecules; labels may be missing (NaN).

Shapes: B molecules, n latent dimensions, m frame dimensions.
"""

import torch
from torch import Tensor

__all__ = ["curvature_loss", "labelled_mse", "metric_loss", "point_mse"]


def labelled_mse(prediction: Tensor, label: Tensor) -> Tensor:
    """MSE over the labelled molecules of a batch (both (B,)); zero if none is labelled."""
    known = ~label.isnan()
    error = torch.where(known, prediction - label.nan_to_num(), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def point_mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance per coordinate between two sets of points (B, n)."""
    return (a - b).square().mean()


def metric_loss(jacobian: Tensor) -> Tensor:
    """||J^T J - I||_F^2 / n, averaged over molecules: how far the metric that J (B, m, n) induces is from flat."""
    n = jacobian.shape[-1]
    identity = torch.eye(n, dtype=jacobian.dtype, device=jacobian.device)
    return (jacobian.mT @ jacobian - identity).square().sum((-2, -1)).mean() / n


def curvature_loss(source: Tensor, target: Tensor, failed: Tensor, dimensions: int) -> Tensor:
    """MSE of R / n between both branches at the same molecules, those with a failed metric left out.

    Args:
        source: Ricci scalars of the source branch (B,).
        target: those of the target branch (B,).
        failed: molecules whose metric was near singular in either branch (B,), bool.
        dimensions: n of the immersion; R / n is of order 0.1 to 1, which the other terms' weights match.
    """
    error = torch.where(failed, 0.0, (source - target) / dimensions)
    return error.square().sum() / (~failed).sum().clamp(min=1)

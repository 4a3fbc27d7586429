"""The loss terms of the method, as pure functions. All means are over molecules; labels may be missing (NaN).

Shapes: B molecules, n latent dimensions, m frame dimensions.
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["concordance_loss", "labelled_mse", "matching_mse", "metric_loss", "point_mse", "relation_mse"]


def labelled_mse(prediction: Tensor, label: Tensor, bound: Tensor | None = None) -> Tensor:
    """MSE over the labelled molecules of a batch (both (B,)); zero if none is labelled.

    Where a label is censored, `bound` (B,) is -1 (the truth is at most the label) or 1 (at least), and a prediction
    beyond the label is no error: the bounded loss of chemprop.
    """
    known = ~label.isnan()
    error = torch.where(known, prediction - label.nan_to_num(), 0.0)
    if bound is not None:
        error = torch.where(bound * error > 0, 0.0, error)
    return error.square().sum() / known.sum().clamp(min=1)


def point_mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance per coordinate between two sets of points (B, n)."""
    return (a - b).square().mean()


def relation_mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of all pairwise cosine similarities within two sets of points (B, n)."""
    a, b = (functional.normalize(points, dim=1) for points in (a, b))
    return (a @ a.mT - b @ b.mT).square().mean()


def metric_loss(jacobian: Tensor) -> Tensor:
    """||J^T J - I||_F^2 / n, averaged over molecules: how far the metric that J (B, m, n) induces is from flat."""
    n = jacobian.shape[-1]
    identity = torch.eye(n, dtype=jacobian.dtype, device=jacobian.device)
    return (jacobian.mT @ jacobian - identity).square().sum((-2, -1)).mean() / n


def matching_mse(source: Tensor, target: Tensor, failed: Tensor) -> Tensor:
    """Mean squared difference of a quantity of both branches at the same molecules.

    Args:
        source: of the source branch, (B, d).
        target: of the target branch, (B, d).
        failed: molecules to leave out (B,), bool: their metric was near singular in one of the branches.
    """
    error = torch.where(failed[:, None], 0.0, source - target)
    return error.square().sum() / ((~failed).sum() * source.shape[1]).clamp(min=1)


def concordance_loss(source: Tensor, target: Tensor, failed: Tensor) -> Tensor:
    """1 - Lin's concordance over molecules, averaged over the d coordinates; arguments as in `matching_mse`.

    Unlike the squared difference it is not lowered by both branches going to one constant (Lin, Biometrics 1989, 45,
    255). Needs some 64 molecules to mean anything.
    """
    weight = (~failed).to(source.dtype)[:, None] / (~failed).sum().clamp(min=1)
    source, target = (torch.where(failed[:, None], 0.0, values) for values in (source, target))
    mean_s, mean_t = (weight * source).sum(0), (weight * target).sum(0)
    from_s, from_t = source - mean_s, target - mean_t
    shared = (weight * from_s * from_t).sum(0)
    spread = (weight * (from_s.square() + from_t.square())).sum(0) + (mean_s - mean_t).square()
    return 1 - (2 * shared / (spread + 1e-4)).mean()

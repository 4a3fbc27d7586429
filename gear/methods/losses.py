"""The loss terms of the method, as pure functions. All means are over molecules; labels may be missing (NaN).

Shapes: B molecules, n latent dimensions, m frame dimensions. Of models that are computed as one all arguments may have
the same leading dimensions, which the result then has.
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
    return error.square().sum(-1) / known.sum(-1).clamp(min=1)


def point_mse(a: Tensor, b: Tensor, real: Tensor | None = None) -> Tensor:
    """Mean squared distance per coordinate between two sets of points (B, n), of those that are `real` (B,), or all."""
    error = (a - b).square()
    if real is None:
        return error.mean((-2, -1))
    return torch.where(real, error.mean(-1), 0.0).sum(-1) / real.sum(-1)


def relation_mse(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of all pairwise cosine similarities within two sets of points (B, n)."""
    a, b = (functional.normalize(points, dim=1) for points in (a, b))
    return (a @ a.mT - b @ b.mT).square().mean()


def metric_loss(jacobian: Tensor) -> Tensor:
    """||J^T J - I||_F^2 / n, averaged over molecules: how far the metric that J (B, m, n) induces is from flat."""
    n = jacobian.shape[-1]
    identity = torch.eye(n, dtype=jacobian.dtype, device=jacobian.device)
    return (jacobian.mT @ jacobian - identity).square().sum((-2, -1)).mean(-1) / n


def matching_mse(source: Tensor, target: Tensor, failed: Tensor) -> Tensor:
    """Mean squared difference of a quantity of both branches at the same molecules.

    Args:
        source: of the source branch, (B, d).
        target: of the target branch, (B, d).
        failed: molecules to leave out (B,), bool: their metric was near singular in one of the branches.
    """
    error = torch.where(failed[..., None], 0.0, source - target)
    return error.square().sum((-2, -1)) / ((~failed).sum(-1) * source.shape[-1]).clamp(min=1)


def concordance_loss(source: Tensor, target: Tensor, failed: Tensor) -> Tensor:
    """1 - Lin's concordance over molecules, averaged over the d coordinates; arguments as in `matching_mse`.

    Unlike the squared difference it is not lowered by both branches going to one constant (Lin, Biometrics 1989, 45,
    255). Needs some 64 molecules to mean anything.
    """
    weight = ((~failed).to(source.dtype) / (~failed).sum(-1, keepdim=True).clamp(min=1))[..., None]
    source, target = (torch.where(failed[..., None], 0.0, values) for values in (source, target))
    mean_s, mean_t = ((weight * values).sum(-2, keepdim=True) for values in (source, target))
    from_s, from_t = source - mean_s, target - mean_t
    shared = (weight * from_s * from_t).sum(-2)
    spread = (weight * (from_s.square() + from_t.square())).sum(-2) + (mean_s - mean_t).square()[..., 0, :]
    return 1 - (2 * shared / (spread + 1e-4)).mean(-1)

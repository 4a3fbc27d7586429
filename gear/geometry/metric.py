"""The induced metric g = J^T J and its factorisation, safe where g is near singular."""

import torch
from torch import Tensor

__all__ = ["MAX_CONDITION", "checked_cholesky"]

# (max / min diagonal of the Cholesky factor)^2, a cheap lower bound of the condition number of g.
# Above the limit a float32 curvature has errors of order one.
MAX_CONDITION = {torch.float32: 1e4, torch.float64: 1e12}


def checked_cholesky(metric: Tensor) -> tuple[Tensor, Tensor]:
    """Cholesky factors of metrics; metrics that are near singular are replaced by the identity.

    A sample whose factorisation fails, is not finite or is too ill-conditioned gets the identity as its metric before
    the differentiable factorisation. If it were masked afterwards, its gradient would already be NaN.

    Args:
        metric: g, ... x n x n, symmetric.

    Returns:
        Lower factors Lc with g = Lc Lc^T (... x n x n), and the mask of failed samples (...).
    """
    with torch.no_grad():
        factor, info = torch.linalg.cholesky_ex(metric)
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        condition = (diagonal.amax(-1) / diagonal.amin(-1)) ** 2
        limit = MAX_CONDITION.get(metric.dtype, 1e4)
        failed = (info != 0) | ~(condition < limit)  # a value that is not finite makes the condition NaN
    identity = torch.eye(metric.shape[-1], dtype=metric.dtype, device=metric.device)
    if not (torch.is_grad_enabled() and metric.requires_grad):
        return torch.where(failed[..., None, None], identity, factor), failed
    safe = torch.where(failed[..., None, None], identity, metric)
    # not `cholesky`, which makes the host wait for the GPU to check for failure
    return torch.linalg.cholesky_ex(safe).L, failed

"""Products with sparse 0/1 matrices: every gather and every sum of a message-passing network is one.

The matrix comes with its transpose, so the backward pass is the same kind of product: a sum over a list of rows in a
fixed order, on a CPU and on a GPU. Nothing is scattered, no atomic addition makes the numbers of two runs differ.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Incidence"]


class Incidence(NamedTuple):
    """A 0/1 matrix (R x C), by rows and by columns; its ones are counted with multiplicity."""

    columns: Tensor  # (nnz,) columns of the ones, one row after the other
    row_start: Tensor  # (R + 1,) row i has columns[row_start[i] : row_start[i + 1]]
    rows: Tensor  # (nnz,) rows of the ones, one column after the other
    column_start: Tensor  # (C + 1,)

    def __matmul__(self, values: Tensor) -> Tensor:
        """The product with values (C, d): (R, d); or of G groups of columns and rows, (G, C / G, d): (G, R / G, d)."""
        product: Tensor = _Product.apply(values.flatten(0, -2), *self)  # type: ignore[no-untyped-call]
        return product.unflatten(0, (len(values), -1)) if values.dim() == 3 else product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, *matrix: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(*matrix)
        columns, row_start, _, _ = matrix
        bags: Tensor = torch.embedding_bag(values, columns, row_start, False, 0, False, None, True)[0]
        return bags

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        columns, row_start, rows, column_start = ctx.saved_tensors
        transposed = Incidence(rows, column_start, columns, row_start)
        return transposed @ upstream.contiguous(), None, None, None, None

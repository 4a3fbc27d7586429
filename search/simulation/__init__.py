"""The same decisions on recorded learning curves, to compare ways to search."""

from typing import Literal, get_args

__all__ = ["SURROGATES", "SurrogateName"]

SurrogateName = Literal["smooth", "nearest"]  # see `search.simulation.surrogate`
SURROGATES: tuple[SurrogateName, ...] = get_args(SurrogateName)

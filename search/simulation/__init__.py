"""Campaigns simulated on recorded learning curves, to compare policies of search."""

from typing import Literal, get_args

__all__ = ["SURROGATES", "SurrogateName"]

SurrogateName = Literal["smooth", "nearest"]  # see `search.simulation.surrogate`
SURROGATES: tuple[SurrogateName, ...] = get_args(SurrogateName)

"""Campaigns simulated on recorded learning curves, to compare policies of search."""

from pathlib import Path
from typing import Literal, get_args

__all__ = ["DEFAULT_CURVES", "SHIPPED", "SURROGATES", "SurrogateName"]

SurrogateName = Literal["smooth", "nearest"]  # see `search.simulation.surrogate`
SURROGATES: tuple[SurrogateName, ...] = get_args(SurrogateName)

ENDING = ".jsonl.gz"
SHIPPED = {  # recorded curves that come with the program, by name
    path.name.removesuffix(ENDING).replace("_", "-"): path for path in sorted(Path(__file__).parent.glob(f"*{ENDING}"))
}
DEFAULT_CURVES = "all-labels"

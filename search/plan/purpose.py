"""What a trial is for."""

from typing import Literal

__all__ = ["Purpose"]

Purpose = Literal["search", "rescore", "refit", "all-labels"]

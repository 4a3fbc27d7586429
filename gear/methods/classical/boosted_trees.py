"""Gradient boosting of decision trees by LightGBM, whose own text format is kept as bytes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from gear.config import Value
from gear.errors import InputDataError
from gear.methods.classical.regressor import Regressor
from gear.methods.classical.tree_text import END, check_trees

if TYPE_CHECKING:
    import lightgbm

__all__ = ["BoostedTrees"]


class BoostedTrees(Regressor):
    """A fixed number of trees.

    Args:
        rounds: how many.
        parameters: of LightGBM.
    """

    trees: Tensor  # (L,) uint8, the model as LightGBM writes it in UTF-8

    def __init__(self, rounds: int, parameters: Mapping[str, Value]) -> None:
        super().__init__()
        self.rounds, self.parameters_of_trees = rounds, dict(parameters)
        self.register_buffer("trees", torch.zeros(0, dtype=torch.uint8))
        self._loaded: tuple[Tensor, lightgbm.Booster] | None = None  # of which bytes, and the model

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> Self:
        """The trees of `rounds`, `learning_rate`, `leaves`, `least_molecules`, `feature_share` and `ridge`.

        Raises:
            InputDataError: LightGBM knows no such trees.
        """
        names = {
            "learning_rate": "learning_rate",
            "leaves": "num_leaves",
            "least_molecules": "min_data_in_leaf",
            "feature_share": "feature_fraction",
            "ridge": "lambda_l2",
        }
        if settings["leaves"] < 2:  # type: ignore[operator]
            raise InputDataError(f"settings.leaves must be at least 2, got {settings['leaves']}")
        if settings["feature_share"] > 1:  # type: ignore[operator]
            raise InputDataError(f"settings.feature_share must be at most 1, got {settings['feature_share']}")
        return cls(int(settings["rounds"]), {theirs: settings[ours] for ours, theirs in names.items()})

    def fit(self, inputs: Tensor, labels: Tensor, seed: int = 0) -> None:
        """Grow the trees on inputs (N, F) with labels (N,)."""
        import lightgbm

        fixed = {
            "objective": "regression",
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": torch.get_num_threads(),
            "seed": seed % 2**31,
            "min_data_in_bin": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(inputs.cpu().numpy(), labels.cpu().numpy())
        trained = lightgbm.train({**fixed, **self.parameters_of_trees}, data, self.rounds)
        text = np.frombuffer(trained.model_to_string().encode(), np.uint8)
        self.trees = torch.tensor(text, device=self.trees.device)

    def check(self, inputs: int) -> None:
        """Check the text of the trees, and read them."""
        import lightgbm

        check_trees(self._text(), inputs)
        try:
            self._booster()
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"trees: {error}") from error

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions (B,) for inputs (B, F)."""
        found = self._booster().predict(inputs.cpu().numpy(), num_threads=torch.get_num_threads())
        return torch.tensor(np.asarray(found), dtype=torch.float64, device=inputs.device)

    def _booster(self) -> "lightgbm.Booster":
        """The trees, read again when the bytes are others than the last time."""
        import lightgbm

        if self._loaded is None or self._loaded[0] is not self.trees:
            self._loaded = self.trees, lightgbm.Booster(model_str=self._text())
        return self._loaded[1]

    def _text(self) -> str:
        """The trees as LightGBM writes them, without what follows of their training, which no prediction needs."""
        trees, *_ = self.trees.cpu().numpy().tobytes().decode().partition(END)
        return trees + END

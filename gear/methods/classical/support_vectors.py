"""Support vector regression with a Gaussian kernel, fitted by scikit-learn."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from gear.config import Value
from gear.methods.classical.regressor import Regressor, check_shapes, squared_distances

__all__ = ["SupportVectors"]


class SupportVectors(Regressor):
    """Sum over the support vectors of dual coefficient times exp(-gamma distance^2), and an intercept.

    Args:
        penalty: C, of errors beyond the margin.
        margin: epsilon, in standard deviations of the labels.
        gamma: of the kernel.
    """

    max_labels = 4000  # time and memory grow with their square
    support: Tensor  # (S, F) float64
    dual: Tensor  # (S,) float64
    intercept: Tensor  # () float64

    def __init__(self, penalty: float, margin: float, gamma: float) -> None:
        super().__init__()
        self.penalty, self.margin, self.gamma = penalty, margin, gamma
        self.register_buffer("support", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("dual", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros((), dtype=torch.float64))

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> Self:
        """The machine of `penalty`, `margin` and `gamma`."""
        return cls(*(float(settings[name]) for name in ("penalty", "margin", "gamma")))

    def fit(self, inputs: Tensor, labels: Tensor, seed: int = 0) -> None:
        """Find the support vectors among inputs (N, F) with labels (N,)."""
        from sklearn.svm import SVR  # a second

        machine = SVR(C=self.penalty, epsilon=self.margin, gamma=self.gamma)
        machine.fit(inputs.cpu().numpy(), labels.cpu().numpy())
        device = self.support.device
        self.support = torch.tensor(machine.support_vectors_, device=device)
        self.dual = torch.tensor(machine.dual_coef_[0], device=device)
        self.intercept = torch.tensor(machine.intercept_[0], device=device)

    def check(self, inputs: int) -> None:
        """Check the shapes of what was loaded."""
        vectors = self.dual.numel()
        check_shapes(self, support=(vectors, inputs), dual=(vectors,), intercept=())

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions (B,) for inputs (B, F)."""
        kernel = torch.exp(-self.gamma * squared_distances(inputs, self.support))
        return kernel @ self.dual + self.intercept

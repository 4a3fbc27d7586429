"""Gaussian process regression; scikit-learn chooses the kernel's parameters by the marginal likelihood."""

import math
import warnings
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor

from gear.config import Value
from gear.methods.classical.regressor import Regressor, check_shapes, drawn, squared_distances

__all__ = ["GaussianProcess"]

LIKELIHOOD_LABELS = 800  # that choose the parameters; each of some fifty steps takes the cube of their number


class GaussianProcess(Regressor):
    """The mean of the process: kernel between a molecule and the training molecules, times weights.

    The kernel is amplitude times Matern 5/2 or a Gaussian of distance / length, with `linear` plus a multiple of the
    inner product.

    Args:
        kernel: `matern` or `rbf`.
        linear: whether the kernel has a linear part.
        least_noise: smallest variance of the labels' noise that the likelihood may choose, in variances of the labels.
    """

    max_labels = 3000  # time grows with the cube of their number
    points: Tensor  # (N, F) float64
    weights: Tensor  # (N,) float64
    likeliest: Tensor  # (4,) float64: amplitude, length, slope, noise

    def __init__(self, kernel: str, linear: bool, least_noise: float) -> None:
        super().__init__()
        self.kernel, self.linear, self.least_noise = kernel, linear, least_noise
        self.register_buffer("points", torch.zeros(0, 0, dtype=torch.float64))
        self.register_buffer("weights", torch.zeros(0, dtype=torch.float64))
        self.register_buffer("likeliest", torch.zeros(4, dtype=torch.float64))
        self._factor = torch.zeros(0, 0, dtype=torch.float64)  # (N, N) Cholesky, after `condition`

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> Self:
        """The process of `kernel`, `linear` and `least_noise`."""
        linear, noise = settings.get("linear", False), settings.get("least_noise", 1e-3)
        return cls(str(settings["kernel"]), bool(linear), float(noise))

    def fit(self, inputs: Tensor, labels: Tensor, seed: int = 0) -> None:
        """Choose the parameters on some of the inputs (N, F) and labels (N,), then condition on all of them."""
        some = drawn(torch.arange(len(labels)), LIKELIHOOD_LABELS, seed)
        found = self._most_likely(inputs.cpu()[some], labels.cpu()[some])
        self.likeliest = torch.tensor(found, dtype=torch.float64, device=self.likeliest.device)
        self.condition(inputs, labels)

    def condition(self, inputs: Tensor, labels: Tensor) -> None:
        """Take the labels (N,) of inputs (N, F) as known, with the parameters as they are."""
        self.points = inputs.to(self.points.device)
        covariance = self._covariance(self.points)
        covariance.diagonal().add_(self.likeliest[3])
        self._factor = torch.linalg.cholesky(covariance)
        self.weights = torch.cholesky_solve(labels.to(self._factor)[:, None], self._factor)[:, 0]

    def release(self) -> None:
        """Free what only `predict_without_own` needs."""
        self._factor = self._factor[:0, :0].clone()

    def check(self, inputs: int) -> None:
        """Check the shapes of what was loaded."""
        points = self.weights.numel()
        check_shapes(self, points=(points, inputs), weights=(points,), likeliest=(4,))

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions (B,) for inputs (B, F)."""
        return self._covariance(inputs) @ self.weights

    def predict_without_own(self, inputs: Tensor, group: Tensor, group_of_points: Tensor) -> Tensor:
        """Predictions (B,) for inputs (B, F), each by the fitted process without the training points of its group.

        Exact and without fitting again, but for the parameters: conditioning on fewer points needs only the inverse
        of the covariance.

        Args:
            inputs: to predict.
            group: of each of them (B,), int64.
            group_of_points: of each of the training points (N,), int64.
        """
        covariance, inverse = self._covariance(inputs), torch.cholesky_inverse(self._factor)
        found = covariance @ self.weights
        for number in group[torch.isin(group, group_of_points)].unique():
            own = (group_of_points == number).nonzero()[:, 0]
            kept = self.weights - inverse[:, own] @ torch.linalg.solve(inverse[own][:, own], self.weights[own])
            kept[own] = 0.0
            asked = group == number
            found[asked] = covariance[asked] @ kept
        return found

    def _covariance(self, inputs: Tensor) -> Tensor:
        """Between inputs (B, F) and the training points, (B, N)."""
        amplitude, length, slope, _ = self.likeliest
        squared = squared_distances(inputs, self.points) / length.square()
        if self.kernel == "rbf":
            shape = torch.exp(-squared / 2)
        else:
            root = (5 * squared).sqrt()
            shape = (1 + root + root.square() / 3) * torch.exp(-root)
        found: Tensor = amplitude * shape + slope * (inputs @ self.points.mT)
        return found

    def _most_likely(self, inputs: Tensor, labels: Tensor) -> tuple[float, float, float, float]:
        """Amplitude, length, slope and noise of the greatest marginal likelihood."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, WhiteKernel

        shape = RBF(1.0, (0.03, 100.0)) if self.kernel == "rbf" else Matern(1.0, (0.03, 100.0), nu=2.5)
        kernel: Any = ConstantKernel(1.0, (1e-3, 1e3)) * shape
        if self.linear:
            kernel += ConstantKernel(1.0, (1e-3, 1e3)) * DotProduct(0.0, "fixed")
        kernel += WhiteKernel(max(0.03, self.least_noise), (self.least_noise, max(1.0, 2 * self.least_noise)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at a bound
            process = GaussianProcessRegressor(kernel, alpha=1e-10).fit(inputs.numpy(), labels.numpy())
        amplitude, length, *slope, noise = (math.exp(value) for value in process.kernel_.theta)
        return amplitude, length, slope[0] if slope else 0.0, noise

"""Standardises inputs of very different sizes by what the training molecules have, inside the model.

What the scaler has learnt is in its buffers, so checkpoints and exports hold it with the weights.
"""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["CLIP", "InputScaler", "fit_inputs"]

CLIP = 6.0  # standard deviations; a value beyond them is unlike all that the model was trained on
LEAST = 1e-8  # standard deviation of an input that varies
LEAST_SHARE = 1e-12  # of the mean, the same in any unit; that of equal values is 1e-16, by rounding


class InputScaler(nn.Module):
    """(x - centre) / scale, clipped to +-CLIP; zero for a missing value and for an input that does not vary.

    Args:
        inputs: F, how many there are.
        log_modulus: take sign(x) log(1 + |x|) first, for inputs that range over orders of magnitude.
        any_unit: an input varies if its standard deviation is more than a share of its mean, not more than a number:
            for a user's feature columns, as a concentration in mol/L, which may be of the order of 1e-9.
    """

    centre: Tensor  # (F,) float64
    scale: Tensor  # (F,) float64; infinite for an input that is constant, or never known, in the training part

    def __init__(self, inputs: int, *, log_modulus: bool, any_unit: bool = False) -> None:
        super().__init__()
        self.log_modulus, self.any_unit = log_modulus, any_unit
        self.register_buffer("centre", torch.zeros(inputs, dtype=torch.float64))
        self.register_buffer("scale", torch.full((inputs,), torch.inf, dtype=torch.float64))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation from the values (N, F) of the training molecules; NaN is missing."""
        seen = self._seen(values)
        known = seen.isfinite()
        count = known.sum(0).clamp(min=1)
        centre = torch.where(known, seen, 0.0).sum(0) / count
        spread = (torch.where(known, seen - centre, 0.0).square().sum(0) / count).sqrt()
        self.centre.copy_(centre)
        least = LEAST_SHARE * centre.abs() if self.any_unit else LEAST
        self.scale.copy_(torch.where(spread > least, spread, torch.inf))

    @property
    def varying(self) -> Tensor:
        """Which inputs carry anything, (F,) bool."""
        return self.scale.isfinite()

    def forward(self, values: Tensor) -> Tensor:
        """Scaled values (B, F) float32."""
        return self.scaled(values).float()

    def scaled(self, values: Tensor) -> Tensor:
        """Scaled values (B, F) float64."""
        scaled = (self._seen(values) - self.centre[..., None, :]) / self.scale[..., None, :]
        return scaled.nan_to_num(nan=0.0, posinf=CLIP, neginf=-CLIP).clamp(-CLIP, CLIP)

    def _seen(self, values: Tensor) -> Tensor:
        wide = values.double()
        return wide.sign() * wide.abs().log1p() if self.log_modulus else wide


def fit_inputs(network: nn.Module, form: Any) -> None:  # noqa: ANN401 - whatever the network reads
    """Let a network that scales its inputs, which has `fit_inputs`, see those of the training molecules."""
    if (fit := getattr(network, "fit_inputs", None)) is not None:
        fit(form)

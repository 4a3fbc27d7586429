"""Features that are one array, on a device."""

import numpy as np
import torch
from torch import Tensor

from gear.device import send

__all__ = ["TensorStore"]


class TensorStore:
    """Features (M, F) float32 of M molecules on a device."""

    def __init__(self, features: np.ndarray, device: torch.device) -> None:
        self.features = torch.from_numpy(features).to(device)

    def batch(self, rows: Tensor) -> Tensor:
        """The rows (B, F) of the molecules `rows` (B,), a CPU tensor."""
        return self.features[send(rows, self.features.device)]

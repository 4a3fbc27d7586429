"""Dropout that costs less than the layer it follows."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Dropout"]


class Dropout(nn.Module):
    """As torch's, several times faster on a CPU: it takes 16 random bits for an entry, not a random number.

    Args:
        p: chance of an entry to be dropped; on a CPU to the nearest 2^-16.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Entries dropped, the rest scaled up to the same mean, while training."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return functional.dropout(x, self.p)
        dropped = min(round(self.p * 2**16), 2**16 - 1)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # from -2^15 on
        return x * (bits >= dropped - 2**15).to(x.dtype).mul_(2**16 / (2**16 - dropped))

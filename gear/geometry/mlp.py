"""The SiLU MLP of the transfer modules; it is smooth, so that it has a curvature."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gear.grouped import Linear

__all__ = ["SiluMLP", "silu_derivatives"]


class SiluMLP(nn.Module):
    """phi(z) = E z + W_{L+1} a_L + b_{L+1}, with a_0 = z, u_l = W_l a_{l-1} + b_l and a_l = silu(u_l).

    Or G of them, grouped as `gear.grouped` describes; points then have a leading dimension G.

    Args:
        inputs: n, the dimension of z.
        outputs: m, the dimension of phi(z).
        hidden: widths of the L hidden layers.
        skip: add E z with E the identity padded with zero rows or columns (an isometry if m >= n);
            the metric then starts near the identity instead of near singular.
        gain: of the orthogonal initialisation of the hidden layers. PyTorch's default makes phi so nearly linear
            that its curvature is of order 1e-6; with 2 it is of order 1e-2 to 1e-1.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: Sequence[int], *, skip: bool = True, gain: float = 2.0
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden, outputs]
        self.inputs, self.outputs, self.skip = inputs, outputs, skip
        self.layers = nn.ModuleList(Linear(a, b) for a, b in itertools.pairwise(widths))
        for layer in self.hidden_layers:
            nn.init.orthogonal_(layer.weight, gain)
        nn.init.orthogonal_(self.output_layer.weight)

    @property
    def hidden_layers(self) -> list[nn.Linear]:
        """The layers that a SiLU follows."""
        return [layer for layer in list(self.layers)[:-1] if isinstance(layer, nn.Linear)]

    @property
    def output_layer(self) -> nn.Linear:
        """The last, linear layer."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    def embed(self, x: Tensor) -> Tensor:
        """E x along the last dimension (... x n) -> (... x m): cut, or padded with zeros."""
        kept = x[..., : self.outputs]
        return nn.functional.pad(kept, (0, self.outputs - kept.shape[-1]))

    def forward(self, z: Tensor) -> Tensor:
        """Map points (... x n) to (... x m)."""
        a = z
        for layer in self.hidden_layers:
            a = nn.functional.silu(layer(a))
        out: Tensor = self.output_layer(a)
        return out + self.embed(z) if self.skip else out


def silu_derivatives(u: Tensor, order: int) -> list[Tensor]:
    """The SiLU and its derivatives up to `order` (at most 3), elementwise, in closed form."""
    s = torch.sigmoid(u)
    found = [u * s]
    if order >= 1:
        found.append(s * (1 + u * (1 - s)))
    if order >= 2:
        found.append(s * (1 - s) * (2 + u * (1 - 2 * s)))
    if order >= 3:
        found.append(s * (1 - s) * (3 * (1 - 2 * s) + u * (1 - 6 * s + 6 * s * s)))
    return found

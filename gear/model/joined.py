"""The networks of joined embeddings as one."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gear.model.input_scaler import fit_inputs

__all__ = ["JoinedNetwork"]


class JoinedNetwork(nn.Module):
    """The first network's vector plus a linear map of the others', which is zero before training.

    Args:
        networks: of the parts.
        width: of the vectors of all of them, and of the result.
    """

    def __init__(self, networks: Sequence[nn.Module], width: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.added = nn.Linear(width * (len(networks) - 1), width, bias=False)
        nn.init.zeros_(self.added.weight)

    def fit_inputs(self, forms: tuple[Any, ...]) -> None:
        """Let networks that scale their inputs see those of the training molecules."""
        for network, form in zip(self.networks, forms, strict=True):
            fit_inputs(network, form)

    def forward(self, forms: tuple[Any, ...]) -> Tensor:
        """Embeddings (B, width) of the forms that the networks read."""
        first, *others = (network(form) for network, form in zip(self.networks, forms, strict=True))
        embedded: Tensor = first + self.added(torch.cat(others, 1))
        return embedded

"""The modules of one task: embedding, encoder, head; and for GEAR the transfer and its inverse.

n is the latent dimension, m the frame dimension, B the number of molecules.
"""

from torch import Tensor, nn

from gear.config import EmbeddingConfig, EncoderConfig, TrialConfig
from gear.data.pack import ATOM_FEATURES, BOND_FEATURES
from gear.geometry import SiluMLP
from gear.model.dmpnn import DMPNN
from gear.model.graphs import GraphBatch

__all__ = ["Branch", "Head", "SingleTaskNetwork"]

HEAD_WIDTHS = (25, 12)  # 50 -> 25 -> 12 -> 1, as published


class Encoder(nn.Module):
    """SiLU MLP from the embedding to the latent space, then a normalisation of every latent coordinate.

    Without the normalisation the consistency and autoencoder losses shrink z to a point.
    """

    def __init__(self, inputs: int, config: EncoderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = inputs
        for _ in range(config.depth):
            layers += [nn.Linear(width, config.width), nn.SiLU()]
            width = config.width
        self.body = nn.Sequential(*layers, nn.Linear(width, config.latent))
        self.norm = nn.BatchNorm1d(config.latent, affine=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """Latent points z (B, n)."""
        z: Tensor = self.norm(self.body(embedding))
        return z


class Head(nn.Sequential):
    """Regression from the latent space to the standardised property."""

    def __init__(self, latent: int) -> None:
        first, second = HEAD_WIDTHS
        super().__init__(nn.Linear(latent, first), nn.SiLU(), nn.Linear(first, second), nn.SiLU(), nn.Linear(second, 1))

    @property
    def linear_layers(self) -> list[nn.Linear]:
        """The layers, a SiLU between them."""
        return [layer for layer in self if isinstance(layer, nn.Linear)]

    def forward(self, z: Tensor) -> Tensor:
        """Predictions (B,)."""
        for layer in self:
            z = layer(z)
        return z[..., 0]


class SingleTaskNetwork(nn.Module):
    """Embedding, encoder and head: all that single-task training needs."""

    def __init__(self, embedding: EmbeddingConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.embedding = DMPNN(ATOM_FEATURES, BOND_FEATURES, embedding.width, embedding.depth, embedding.dropout)
        self.encoder = Encoder(embedding.width, encoder)
        self.head = Head(encoder.latent)

    def latent(self, graph: GraphBatch) -> Tensor:
        """Latent points z (B, n)."""
        z: Tensor = self.encoder(self.embedding(graph))
        return z

    def forward(self, graph: GraphBatch) -> Tensor:
        """Predictions (B,), standardised."""
        prediction: Tensor = self.head(self.latent(graph))
        return prediction


class Branch(SingleTaskNetwork):
    """A task's network with the transfer module to the shared frame and its inverse."""

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config.embedding, config.encoder)
        n, transfer = config.encoder.latent, config.transfer
        hidden, inverse_hidden = [transfer.width] * transfer.depth, [transfer.width] * transfer.inverse_depth
        self.transfer = SiluMLP(n, transfer.frame, hidden, skip=transfer.skip, gain=transfer.gain)
        self.inverse = SiluMLP(transfer.frame, n, inverse_hidden, skip=transfer.skip, gain=transfer.gain)

"""The modules of a task after its embedding: encoder and head; and for GEAR and GATE the transfer and its inverse.

n is the latent dimension, m the frame dimension, B the number of molecules.
"""

from torch import Tensor, nn

from gear.config import EmbeddingConfig, EncoderConfig, TrialConfig
from gear.geometry import SiluMLP
from gear.model.embedding import EmbeddingNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["Branch", "Head", "HeadedNetwork"]

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


class HeadedNetwork(nn.Module):
    """Embedding and encoder with one head or several: each predicts a task from the same latent points."""

    def __init__(self, embedding: EmbeddingConfig, encoder: EncoderConfig, heads: int = 1) -> None:
        super().__init__()
        self.embedding = EmbeddingNetwork(embedding)
        self.encoder = Encoder(embedding.width, encoder)
        self.heads = nn.ModuleList(Head(encoder.latent) for _ in range(heads))

    def latent(self, molecules: MoleculeBatch) -> Tensor:
        """Latent points z (B, n)."""
        z: Tensor = self.encoder(self.embedding(molecules))
        return z

    def forward(self, molecules: MoleculeBatch, head: int = 0) -> Tensor:
        """Predictions (B,) of one head, standardised."""
        prediction: Tensor = self.heads[head](self.latent(molecules))
        return prediction


class Branch(nn.Module):
    """A task's modules after its embedding: encoder, head, the transfer module to the frame and its inverse."""

    def __init__(self, config: TrialConfig) -> None:
        super().__init__()
        n, transfer = config.encoder.latent, config.transfer
        hidden, inverse_hidden = [transfer.width] * transfer.depth, [transfer.width] * transfer.inverse_depth
        self.encoder = Encoder(config.embedding.width, config.encoder)
        self.head = Head(n)
        self.transfer = SiluMLP(n, transfer.frame, hidden, skip=transfer.skip, gain=transfer.gain)
        self.inverse = SiluMLP(transfer.frame, n, inverse_hidden, skip=transfer.skip, gain=transfer.gain)

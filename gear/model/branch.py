"""The modules of a task after its embedding: encoder and head; and for GEAR and GATE the transfer and its inverse.

n is the latent dimension, m the frame dimension, B the number of molecules. Where a module is grouped (`gear.grouped`),
all points and predictions have a leading dimension of groups.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gear.config import EmbeddingConfig, EncoderConfig, TrialConfig
from gear.geometry import SiluMLP
from gear.grouped import Linear
from gear.model.embedding import EmbeddingNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["Branch", "Head", "HeadedNetwork"]

HEAD_WIDTHS = (25, 12)  # 50 -> 25 -> 12 -> 1, as published


class LatentNorm(nn.BatchNorm1d):
    """Batch normalisation without scale and shift, over the molecules that count."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, latent: int) -> None:
        super().__init__(latent, affine=False)

    def forward(self, z: Tensor, real: Tensor | None = None) -> Tensor:
        """Normalised points (B, n) or (G, B, n).

        Args:
            z: points.
            real: which of them count while training (G, B), bool; the others become zero. All if None.
        """
        if self.running_mean.dim() == 1 and real is None:
            alone: Tensor = super().forward(z)
            return alone
        if not self.training:
            return (z - self.running_mean[..., None, :]) * (self.running_var + self.eps).rsqrt()[..., None, :]
        self.num_batches_tracked.add_(1)
        return self._over_all(z) if real is None else self._over(z, real[..., None])

    def _over_all(self, z: Tensor) -> Tensor:
        """As one normalisation of G n coordinates."""
        rows = z.transpose(0, 1).flatten(1)
        mean, var = self.running_mean, self.running_var
        out = functional.batch_norm(rows, mean.view(-1), var.view(-1), None, None, True, self.momentum, self.eps)
        normalised: Tensor = out.unflatten(1, mean.shape).transpose(0, 1)
        return normalised

    def _over(self, z: Tensor, real: Tensor) -> Tensor:
        count = real.sum(-2, keepdim=True)
        mean = torch.where(real, z, 0.0).sum(-2, keepdim=True) / count
        centred = torch.where(real, z - mean, 0.0)
        var = centred.square().sum(-2, keepdim=True) / count
        with torch.no_grad():
            unbiased = var * (count / (count - 1))
            self.running_mean.lerp_(mean[..., 0, :], self.momentum)
            self.running_var.lerp_(unbiased[..., 0, :], self.momentum)
        return centred * (var + self.eps).rsqrt()


class Encoder(nn.Module):
    """SiLU MLP from the embedding to the latent space, then a normalisation of every latent coordinate.

    Without the normalisation the consistency and autoencoder losses shrink z to a point.
    """

    def __init__(self, inputs: int, config: EncoderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = inputs
        for _ in range(config.depth):
            layers += [Linear(width, config.width), nn.SiLU()]
            width = config.width
        self.body = nn.Sequential(*layers, Linear(width, config.latent))
        self.norm = LatentNorm(config.latent)

    def forward(self, embedding: Tensor, real: Tensor | None = None) -> Tensor:
        """Latent points z (B, n); `real`: see `LatentNorm`."""
        z: Tensor = self.norm(self.body(embedding), real)
        return z


class Head(nn.Sequential):
    """Regression from the latent space to the standardised property."""

    def __init__(self, latent: int) -> None:
        first, second = HEAD_WIDTHS
        super().__init__(Linear(latent, first), nn.SiLU(), Linear(first, second), nn.SiLU(), Linear(second, 1))

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

    def latent(self, molecules: MoleculeBatch, real: Tensor | None = None) -> Tensor:
        """Latent points z (B, n); `real`: see `LatentNorm`."""
        z: Tensor = self.encoder(self.embedding(molecules), real)
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

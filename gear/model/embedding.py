"""The network of the embedding that a configuration names."""

from torch import Tensor, nn

from gear.config import EmbeddingConfig
from gear.embeddings.registry import get_embedding
from gear.errors import InputDataError
from gear.grouped import groups_of, merge
from gear.model.columns import ColumnNetwork
from gear.model.input_scaler import fit_inputs
from gear.model.molecules import MoleculeBatch

__all__ = ["EmbeddingNetwork"]


class EmbeddingNetwork(nn.Module):
    """From molecules to vectors, reading the form of them that its embedding needs, and the user's feature columns.

    Raises:
        UnknownNameError, InputDataError: see `gear.embeddings.get_embedding`.
    """

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self.kind, self.width = config.kind, config.width
        self.network = get_embedding(config.kind).network(config)
        self.columns: ColumnNetwork | None = None

    def read_columns(self, count: int) -> None:
        """Read so many feature columns beside the molecule from here on."""
        networks = [ColumnNetwork(count, self.width) for _ in range(groups_of(self) or 1)]
        self.columns = networks[0] if groups_of(self) is None else merge(networks)

    def fit_inputs(self, molecules: MoleculeBatch) -> None:
        """Let what scales its inputs see those of the training molecules, before training."""
        if self.columns is not None and molecules.columns is not None:
            self.columns.scaler.fit(molecules.columns)
        fit_inputs(self.network, molecules.read_by(self.kind))

    def forward(self, molecules: MoleculeBatch) -> Tensor:
        """Embeddings (B, width), of a grouped network (G, B, width).

        Raises:
            InputDataError: a user's network gives another shape, or the feature columns are missing.
        """
        embedded: Tensor = self.network(molecules.read_by(self.kind))
        if embedded.shape[-2:] != (molecules.size, self.width):
            asked = f"{molecules.size} molecules at width {self.width}"
            raise InputDataError(f"the network of embedding {self.kind} gives {tuple(embedded.shape)} for {asked}")
        return embedded if self.columns is None else self.columns(embedded, molecules.columns)

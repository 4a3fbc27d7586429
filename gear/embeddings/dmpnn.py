"""The molecular graph, read by a D-MPNN.

Graphs are featurised with the properties' tables, once and for all pairs (`gear.data`), so there is nothing to prepare
for a pair. The network and its batches are `gear.model.dmpnn` and `gear.model.graphs`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gear.config import EmbeddingConfig
from gear.data.molecules.featurize import featurize_chunk
from gear.data.molecules.pack import ATOM_FEATURES, BOND_FEATURES, PackedGraphs
from gear.data.pairs import PairData
from gear.embeddings.base import Embedding

if TYPE_CHECKING:
    import torch

    from gear.model.dmpnn import DMPNN
    from gear.model.graphs import GraphStore

__all__ = ["GraphEmbedding"]


class GraphEmbedding(Embedding):
    """Atoms and bonds with chemprop's features. Imports torch late: processes that only featurise start sooner."""

    def features(self, smiles: Sequence[str]) -> PackedGraphs:
        """Packed graphs of a few thousand molecules."""
        return featurize_chunk(smiles)

    def prepare(self, pair: PairData) -> PackedGraphs:
        """The graphs that come with a pair."""
        return pair.graphs

    def store(self, features: PackedGraphs, device: "torch.device") -> "GraphStore":
        """Graphs, of which batches are gathered."""
        from gear.model.graphs import GraphStore

        return GraphStore(features, device)

    def network(self, config: EmbeddingConfig) -> "DMPNN":
        """The D-MPNN; it reads all sizes."""
        from gear.model.dmpnn import DMPNN

        return DMPNN(
            ATOM_FEATURES,
            BOND_FEATURES,
            config.width,
            config.depth,
            config.dropout,
            config.aggregation,
            config.aggregation_norm,
            config.dropout_place,
        )

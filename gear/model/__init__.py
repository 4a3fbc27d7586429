"""Neural modules: the D-MPNN, batches of molecules, and the branch of a task (encoder, transfer, head)."""

from gear.model.branch import Branch, Head, HeadedNetwork
from gear.model.dmpnn import DMPNN
from gear.model.embedding import EmbeddingNetwork
from gear.model.graphs import GraphBatch, GraphStore
from gear.model.molecules import MoleculeBatch, MoleculeStore

__all__ = [
    "DMPNN",
    "Branch",
    "EmbeddingNetwork",
    "GraphBatch",
    "GraphStore",
    "Head",
    "HeadedNetwork",
    "MoleculeBatch",
    "MoleculeStore",
]

"""Neural modules: the D-MPNN on packed graphs, and the branch of a task (embedding, encoder, transfer, head)."""

from gear.model.branch import Branch, Head, SingleTaskNetwork
from gear.model.dmpnn import DMPNN
from gear.model.graphs import GraphBatch, GraphStore

__all__ = ["DMPNN", "Branch", "GraphBatch", "GraphStore", "Head", "SingleTaskNetwork"]

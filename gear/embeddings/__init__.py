"""Embeddings, from a molecule to a vector: a file each. Their names, and this package, need no torch."""

from gear.embeddings.base import Embedding, Store
from gear.embeddings.registry import EMBEDDINGS, check_embedding_name, get_embedding, prepare

__all__ = ["EMBEDDINGS", "Embedding", "Store", "check_embedding_name", "get_embedding", "prepare"]

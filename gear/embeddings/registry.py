"""Which embeddings there are: those of this package by name, a user's own by import path."""

import functools
import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from gear.embeddings.base import Embedding
from gear.errors import InputDataError, UnknownNameError
from gear.plugins import is_import_path, load_object

if TYPE_CHECKING:
    from gear.data.pairs import PairData

__all__ = ["EMBEDDINGS", "check_embedding_name", "get_embedding", "prepare"]

EMBEDDINGS = {
    "dmpnn": "gear.embeddings.dmpnn:GraphEmbedding",
    "descriptors": "gear.embeddings.descriptors:DescriptorEmbedding",
    "fingerprint": "gear.embeddings.fingerprint:FingerprintEmbedding",
    "text": "gear.embeddings.text:TextEmbedding",
}


def check_embedding_name(kind: str) -> None:
    """Refuse a string that is neither a name nor an import path, without importing anything.

    Raises:
        UnknownNameError: it is neither.
    """
    if kind not in EMBEDDINGS and not is_import_path(kind):
        raise UnknownNameError("embedding", kind, (*EMBEDDINGS, "my_module:MyEmbedding"))


@functools.cache
def get_embedding(kind: str) -> Embedding:
    """The embedding of a name or an import path.

    Raises:
        UnknownNameError: no such name.
        InputDataError: no such module or class there, or it is no embedding.
    """
    check_embedding_name(kind)
    found = load_object(EMBEDDINGS.get(kind, kind), "embedding")
    if not (inspect.isclass(found) and issubclass(found, Embedding)):
        raise InputDataError(f"embedding '{kind}' is not a subclass of gear.embeddings.Embedding")
    if missing := sorted(found.__abstractmethods__):
        raise InputDataError(f"embedding '{kind}' lacks {', '.join(missing)}: see docs/plugins/embedding.md")
    embedding: Embedding = found()
    return embedding


def prepare(kinds: Collection[str], pair: "PairData") -> dict[str, Any]:
    """Features of all molecules of a pair for every kind, from the cache if they were ever computed.

    Raises:
        UnknownNameError, InputDataError: see `get_embedding`, `Embedding.prepare`.
        StorageError: the cache cannot be written.
    """
    return {kind: get_embedding(kind).prepare(pair) for kind in kinds}

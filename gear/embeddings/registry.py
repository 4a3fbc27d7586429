"""Which embeddings there are: those of this package by name, a user's own by import path."""

import functools
import inspect
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from gear.config import joined_kinds
from gear.embeddings.base import Embedding
from gear.embeddings.joined import JoinedEmbedding
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
    """Refuse a string that is no name, no import path and no few of them joined by `+`, without importing anything.

    Raises:
        UnknownNameError: a part of it is neither a name nor an import path.
        InputDataError: a part is named twice.
    """
    parts = joined_kinds(kind)
    for part in parts:
        if part not in EMBEDDINGS and not is_import_path(part):
            raise UnknownNameError("embedding", part, (*EMBEDDINGS, "my_module:MyEmbedding"))
    if len(set(parts)) < len(parts):
        raise InputDataError(f"embedding '{kind}' names a part twice: join different ones")


@functools.cache
def get_embedding(kind: str) -> Embedding:
    """The embedding of a name or an import path, or of several joined by `+`.

    Raises:
        UnknownNameError: no such name.
        InputDataError: no such module or class there, it is no embedding, or a part is named twice.
    """
    check_embedding_name(kind)
    if len(parts := joined_kinds(kind)) > 1:
        return JoinedEmbedding([get_embedding(part) for part in parts])
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

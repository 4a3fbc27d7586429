"""Named arrays in one file, which every process that reads it maps into its memory, so that all share one copy.

Arrow IPC of one row, a list column for each array, with the format of the content, facts about it and a checksum.
"""

import contextlib
import json
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gear.data.cache import DamagedFileError, one_builder, replace_file
from gear.errors import StorageError

__all__ = ["cached_arrays", "open_arrays", "write_arrays"]


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], version: str, facts: object = None) -> None:
    """Write arrays, flattened.

    Args:
        path: of the file, in the cache.
        arrays: of numbers, by name.
        version: of what they mean, and what they are of; `open_arrays` refuses any other.
        facts: about them, as JSON.

    Raises:
        StorageError: the file cannot be written.
    """
    columns = [
        pa.LargeListArray.from_arrays(pa.array([0, array.size], pa.int64()), pa.array(array.reshape(-1)))
        for array in arrays.values()
    ]
    told = "" if facts is None else json.dumps(facts)
    head = {"format": version, "checksum": _checksum(arrays, told), "facts": told}
    table = pa.table(columns, names=list(arrays)).replace_schema_metadata(head)

    def write(draft: Path) -> None:
        with pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    replace_file(path, write)


def open_arrays(path: Path, wanted: Mapping[str, type[np.generic]], version: str) -> tuple[dict[str, np.ndarray], Any]:
    """Flat read-only views of the arrays of a file, without a copy, and the facts about them.

    Args:
        path: of the file.
        wanted: the names and types that the arrays must have.
        version: that it must have.

    Raises:
        DamagedFileError: the file holds something else, or was changed.
    """
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        head = table.schema.metadata or {}
        if head.get(b"format") != version.encode():
            raise DamagedFileError("it is of another format or content")
        arrays = {name: _view(table, name, dtype) for name, dtype in wanted.items()}
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise DamagedFileError((str(error).splitlines() or [""])[0]) from error
    facts = head.get(b"facts", b"").decode(errors="replace")
    if head.get(b"checksum") != _checksum(arrays, facts).encode():
        raise DamagedFileError("its checksum is wrong")
    return arrays, json.loads(facts) if facts else None


def cached_arrays(
    path: Path, wanted: Mapping[str, type[np.generic]], version: str, build: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays of a file of the cache, which is built first if it is missing or damaged, by one process at a time.

    Where the cache cannot be written they are in the memory of this process.

    Args:
        path: of the file, in a folder that no process builds anything else in.
        wanted: see `open_arrays`.
        version: see `open_arrays`.
        build: gives the wanted arrays, and perhaps others.
    """
    with contextlib.suppress(DamagedFileError, OSError):
        return open_arrays(path, wanted, version)[0]
    with one_builder(path.parent):
        try:
            return open_arrays(path, wanted, version)[0]  # which another process may have built meanwhile
        except DamagedFileError as error:
            print(f"{path} is damaged ({error}); building it again", file=sys.stderr)
        except OSError:  # it is missing, or cannot be read
            pass
        built = build()
        arrays = {name: built[name] for name in wanted}
        with contextlib.suppress(StorageError, DamagedFileError, OSError):
            write_arrays(path, arrays, version)
            return open_arrays(path, wanted, version)[0]
        return arrays


def _view(table: pa.Table, name: str, dtype: type[np.generic]) -> np.ndarray:
    (cell,) = table[name].chunks
    flat: np.ndarray = pc.list_flatten(cell).to_numpy(zero_copy_only=True)
    if flat.dtype != dtype:
        raise DamagedFileError(f"{flat.dtype} where {np.dtype(dtype)} should be")
    return flat


def _checksum(arrays: Mapping[str, np.ndarray], facts: str) -> str:
    """CRC-32 of the facts and all arrays. It detects damage; the cache does not need protection against forgery."""
    value = zlib.crc32(facts.encode())
    for array in arrays.values():
        value = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"

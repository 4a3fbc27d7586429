"""Many strings that lie in a file which all processes map, decoded only where one is asked for."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["Texts", "encoded"]


class Texts:
    """N strings. Indexed by anything but one number, and to NumPy, they are an array of str objects.

    Args:
        characters: UTF-8 of all strings, one after the other, uint8.
        start: where each begins, and the end; int64.
        rows: (N,) which of those strings these are; None for all.
    """

    def __init__(self, characters: np.ndarray, start: np.ndarray, rows: np.ndarray | None = None) -> None:
        self.characters, self.start, self.rows = characters, start, rows

    def __len__(self) -> int:
        return len(self.start) - 1 if self.rows is None else len(self.rows)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as an array of NumPy
        rows = (np.arange(len(self)) if self.rows is None else self.rows)[place]
        if np.ndim(rows) == 0:
            return bytes(self.characters[self.start[rows] : self.start[rows + 1]]).decode()
        return self._decoded(rows)

    def __iter__(self) -> Iterator[str]:
        return iter(np.asarray(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: ANN401
        return self._decoded(self.rows)

    def of(self, rows: np.ndarray) -> "Texts":
        """Those of some rows (N,), not decoded."""
        return Texts(self.characters, self.start, rows if self.rows is None else self.rows[rows])

    def _decoded(self, rows: np.ndarray | None) -> np.ndarray:
        buffers = [None, *(pa.py_buffer(part.data) for part in (self.start, self.characters))]
        strings = pa.Array.from_buffers(pa.large_string(), len(self.start) - 1, buffers)
        if rows is not None:
            strings = strings.take(pa.array(rows))
        found: np.ndarray = strings.to_numpy(zero_copy_only=False)
        return found


def encoded(strings: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The characters and starts of strings, as `Texts` reads them."""
    lengths = np.fromiter((len(text.encode()) for text in strings), np.int64, len(strings))
    return np.frombuffer("".join(strings).encode(), np.uint8), np.concatenate([[0], np.cumsum(lengths)])

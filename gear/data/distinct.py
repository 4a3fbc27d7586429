"""Which data points are the same: those of one molecule with the same feature columns. Needs only NumPy."""

import numpy as np

__all__ = ["distinct_points"]


def distinct_points(molecule: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of each set of equal data points, (D,), sorted by molecule and columns; and the set (P,) of each point.

    Args:
        molecule: (P,) the number of the molecule.
        columns: (P, F) the features; NaN, one that is not known, equals NaN.
    """
    rows = np.column_stack([molecule, np.nan_to_num(columns, nan=np.inf) + 0.0])  # 0.0, so that there is no -0.0
    _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, place.reshape(-1)

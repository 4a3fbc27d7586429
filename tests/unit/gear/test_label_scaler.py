"""What a model sees of labels."""

import numpy as np
import pytest

from gear.data.report import BINS, histogram
from gear.label_scaler import Scaler, vary

ROUNDED = np.array([0.3, 0.1 + 0.2])
VAST = np.full(3, 6.022e23) * [1, 1 + 1e-15, 1]


@pytest.mark.parametrize("values", [ROUNDED, VAST, np.array([5.0])])
def test_a_spread_of_rounding_is_none(values):
    assert not vary(values)
    assert Scaler.fit(values, log10=False).sd == 1
    assert len(histogram(values)) == BINS


@pytest.mark.parametrize("values", [[1e-9, 2e-9], [1e9, 1e9 + 1], [-1.0, 0.0]])
def test_small_units_and_small_differences_vary(values):
    assert vary(np.array(values))
    assert Scaler.fit(np.array(values), log10=False).standardise(np.array(values)) == pytest.approx([-1, 1])

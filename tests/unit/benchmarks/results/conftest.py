"""Rows of a benchmark whose errors are known."""

import pytest

from tests.support.result_rows import ERRORS, PAIRS, row


@pytest.fixture
def rows():
    """Six pairs, 60 and 240 labels; the best method's lead is the same everywhere, the errors are not."""
    found = []
    for k, pair in enumerate(PAIRS):
        for labels in (60, 240):
            scale = (1 + k / 10) * 60 / labels
            found += [row(name, scale * (e + k / 200), pair, labels=labels) for name, e in ERRORS.items()]
            found.append(row("blend", scale * (0.75 + k / 200), pair, labels=labels, kind="blend", seconds=0.0))
            found.append(row("untuned SVR", scale * 1.2, pair, labels=labels, kind="reference", seconds=0.0))
    return found

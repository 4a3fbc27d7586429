import pytest

from gear.pretrain import pretraining
from gear.testing.pairs import molecules

SHAPE = {"width": 16, "depth": 2}


@pytest.fixture
def few_molecules(tmp_path, monkeypatch):
    """A cache of its own, in which all molecules at hand are 120."""
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pretraining, "known_molecules", lambda: tuple(sorted(molecules())))
    return molecules()

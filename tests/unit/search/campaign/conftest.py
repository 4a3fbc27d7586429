"""A user's own module."""

import sys

import pytest


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of a user to the working folder, and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text):
        (tmp_path / f"{tmp_path.name}.py").write_text(text)
        return tmp_path.name

    return write

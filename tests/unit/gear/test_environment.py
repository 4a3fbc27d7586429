"""Variables that a library reads, for the length of a block."""

import os

import pytest

from gear.environment import with_defaults


def test_defaults_hold_in_the_block_only_and_a_users_own_value_stays(monkeypatch):
    monkeypatch.delenv("GEAR_TEST_NEW", raising=False)
    monkeypatch.setenv("GEAR_TEST_OWN", "mine")
    with with_defaults({"GEAR_TEST_NEW": "1", "GEAR_TEST_OWN": "theirs"}):
        assert (os.environ["GEAR_TEST_NEW"], os.environ["GEAR_TEST_OWN"]) == ("1", "mine")
    assert "GEAR_TEST_NEW" not in os.environ
    assert os.environ["GEAR_TEST_OWN"] == "mine"


def test_an_error_in_the_block_leaves_nothing_behind():
    with pytest.raises(KeyError), with_defaults({"GEAR_TEST_NEW": "1"}):
        raise KeyError
    assert "GEAR_TEST_NEW" not in os.environ

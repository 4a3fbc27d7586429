"""Limits of containers and batch jobs hold, and a user may be without a home folder."""

import os
import pwd
from pathlib import Path

import joblib
import pytest

from gear import machine
from gear.data.cache import cache_folder
from gear.errors import StorageError
from gear.machine import home_path, usable_cpus, usable_memory
from search.launch import estimate
from search.runtime import resources


@pytest.mark.parametrize(
    ("text", "limited"), [("1073741824\n", True), ("max\n", False), ("9223372036854771712", False)]
)
def test_memory_is_that_of_the_control_group_where_it_is_less(text, limited, tmp_path):
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (tmp_path / "memory.max").write_text(text)
    assert usable_memory([tmp_path / "memory.max", tmp_path / "absent"]) == (2**30 if limited else whole)
    assert usable_memory([tmp_path / "absent"]) == whole


def test_memory_of_the_estimate_is_what_may_be_used(monkeypatch):
    monkeypatch.setattr(estimate, "usable_memory", lambda: 2**30)
    assert estimate.this_machine()["memory"] == 2**30


def test_cores_are_those_of_the_container(monkeypatch):
    """joblib reads the control group's share of time, the processors that the process is bound to, and its variable."""
    monkeypatch.setattr(joblib.externals.loky.backend.context, "_cpu_count_cgroup", lambda count: 1)
    assert usable_cpus() == resources.machine_cpus() == estimate.this_machine()["CPU"] == 1


def test_without_a_home_folder_the_line_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("GEAR_CACHE", raising=False)
    for variable in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a user whom the system does not know, as in a container
    with pytest.raises(StorageError, match="no home folder to keep the cache in: set GEAR_CACHE"):
        cache_folder()
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path))
    assert cache_folder().parent == tmp_path


def test_a_path_in_a_home_folder_that_is_not_there_is_no_error(monkeypatch):
    monkeypatch.setattr(machine.os.path, "expanduser", lambda path: path)
    assert home_path("~/a") == Path("~/a")

"""Limits of containers and batch jobs hold, and a user may be without a home folder."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from gear import machine
from gear.data.cache import cache_folder
from gear.errors import StorageError
from gear.machine import home_path, usable_cpus, usable_memory
from search.launch import estimate
from search.runtime import resources


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes files of control groups, and says in which groups the process is."""

    def write(own, files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / name).write_text(text)

    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(machine, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(joblib, "cpu_count", lambda: 16)
    return write


ROOT = Path(__file__).parents[3]
CONTAINER, JOB = "0::/\n", "0::/system.slice/job_7/step_0\n"
OLD_JOB = "9:name=systemd:/\n4:memory:/slurm/job_7\n2:cpu,cpuacct:/slurm/job_7\n0::/\n"
OTHER_NAMESPACE = "0::/../../host/docker/0a1b\n"


@pytest.mark.parametrize(
    ("own", "file"),
    [
        (CONTAINER, "memory.max"),
        (JOB, "system.slice/job_7/step_0/memory.max"),
        (JOB, "system.slice/job_7/memory.max"),
        (OLD_JOB, "memory/slurm/job_7/memory.limit_in_bytes"),
        (OLD_JOB, "memory/memory.limit_in_bytes"),
        (OTHER_NAMESPACE, "memory.max"),
    ],
)
@pytest.mark.parametrize(
    ("text", "limited"), [("1073741824\n", True), ("max\n", False), ("9223372036854771712", False)]
)
def test_memory_is_that_of_any_control_group_around_the_process(groups, own, file, text, limited):
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    groups(own, {file: text, "system.slice/job_8/memory.max": "1"})
    assert usable_memory() == (2**30 if limited else whole)


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        (CONTAINER, {"cpu.max": "250000 100000\n"}, 3),
        (CONTAINER, {"cpu.max": "max 100000\n"}, 16),
        (JOB, {"system.slice/job_7/cpu.max": "200000 100000", "cpu.max": "max 100000"}, 2),
        (OLD_JOB, {"cpu/slurm/job_7/cpu.cfs_quota_us": "50000", "cpu/slurm/job_7/cpu.cfs_period_us": "100000"}, 1),
        (OLD_JOB, {"cpu/slurm/job_7/cpu.cfs_quota_us": "-1", "cpu/slurm/job_7/cpu.cfs_period_us": "100000"}, 16),
        (JOB, {}, 16),
    ],
)
def test_cores_are_those_of_any_control_group_around_the_process(groups, own, files, cores):
    groups(own, files)
    assert usable_cpus() == cores


def test_a_system_without_control_groups_has_no_such_limits(groups):
    assert usable_cpus() == 16
    assert usable_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def made_group(controller, **limits):
    """A control group within that of this process, with limits; the test is skipped where that is not allowed."""
    place = next(iter(machine._groups(controller)), None)
    folder = place / f"gear-test-{os.getpid()}" if place else None
    try:
        folder.mkdir()
        for name, value in limits.items():
            (folder / name.replace("__", ".")).write_text(value)
    except (OSError, AttributeError):
        if folder is not None and folder.exists():
            folder.rmdir()
        pytest.skip("cannot make a control group here")
    return folder


ASK = "from gear.machine import usable_cpus, usable_memory; print(usable_cpus(), usable_memory())"
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@pytest.mark.faults
@pytest.mark.parametrize(
    ("controller", "limits", "place", "says"),
    [
        ("memory", {"memory__limit_in_bytes": str(2**30)}, 1, str(2**30)),
        ("cpu", {"cpu__cfs_period_us": "100000", "cpu__cfs_quota_us": "100000"}, 0, "1"),
    ],
)
def test_a_real_control_group_limits_what_may_be_used(controller, limits, place, says):
    """Of version 1, whose groups can be nested by hand."""
    folder = made_group(controller, **limits)
    try:
        command = ["sh", "-c", ENTER, str(folder), sys.executable, "-c", ASK]
        asked = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    finally:
        folder.rmdir()
    assert asked.stdout.split()[place] == says


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

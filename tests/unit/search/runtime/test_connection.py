"""A local Ray is started where its sockets have room, or a line names the variable."""

import os
import pwd
import signal
import sys
import types
from pathlib import Path

import pytest

from gear.errors import GearError
from search.runtime import connection

LONG = "/scratch/" + "x" * 51


@pytest.fixture
def started(monkeypatch):
    """What `ray.init` is called with; none is started."""
    calls = []
    fake = types.SimpleNamespace(init=lambda *args, **options: calls.append((args, options)))
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.job_config", types.SimpleNamespace(JobConfig=lambda **_: None))
    for variable in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(variable, raising=False)
    return calls


@pytest.mark.parametrize("folder", ["", "/tmp", "/" + "x" * 38])
def test_a_short_folder_is_left_to_ray(folder, started, monkeypatch, capsys):
    if folder:
        monkeypatch.setenv("TMPDIR", folder)
    connection._start(None)
    assert started[0][1]["_temp_dir"] is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("folder", [LONG, "/" + "x" * 39, "/" + "ü" * 20])
def test_a_long_folder_gives_way_to_a_short_one(folder, started, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", folder)
    connection._start(None)
    assert started[0][1]["_temp_dir"] == "/tmp/ray"
    told = capsys.readouterr().err
    assert told == "TMPDIR is too long for the sockets of Ray, whose files go to /tmp/ray; RAY_TMPDIR moves them\n"


def test_a_long_folder_that_was_meant_for_ray_is_refused(started, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/tmp")
    monkeypatch.setenv("RAY_TMPDIR", LONG)
    with pytest.raises(
        GearError, match=f"^RAY_TMPDIR {LONG} is too long .*: set it to a folder of at most 39 characters"
    ):
        connection._start(None)
    assert started == []


def test_a_cluster_that_is_joined_has_its_own_folder(started, monkeypatch):
    monkeypatch.setenv("TMPDIR", LONG)
    connection._start("auto")
    ((args, options),) = started
    assert args == ("auto",)
    assert "_temp_dir" not in options


def test_the_longest_socket_has_the_form_of_rays():
    """Ray names a session by its time and process."""
    import ray._private.node as node

    source = open(node.__file__).read()
    assert 'f"session_{date_str}_{os.getpid()}"' in source
    assert '"%Y-%m-%d_%H-%M-%S_%f"' in source
    assert "plasma_store" in source
    assert len(connection.SOCKET) == len("/session_YYYY-MM-DD_HH-MM-SS_ffffff_4194304/sockets/plasma_store")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(13, "Permission denied", "/tmp/ray"), "Permission denied: '/tmp/ray'; RAY_TMPDIR moves"),
        (OSError("AF_UNIX path length cannot exceed 107 bytes"), "cannot connect to Ray at this machine: AF_UNIX path"),
        (Exception("The current node timed out during startup."), "Ray at this machine: The current node timed out"),
        (RuntimeError(""), "cannot connect to Ray at this machine: RuntimeError"),
    ],
)
def test_what_ray_cannot_do_is_one_line(error, told, started, monkeypatch):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(sys.modules["ray"], "init", refuse)
    with pytest.raises(GearError, match=r"^[^\n]*$") as caught:
        connection._start(None)
    assert told in str(caught.value)


def test_paths_are_counted_in_bytes(started, monkeypatch):
    assert len(os.fsencode("/" + "ü" * 20)) == 41
    monkeypatch.setenv("TMPDIR", "/" + "u" * 20)
    assert connection._short_folder() is None


@pytest.mark.parametrize("known", [True, False])
def test_ray_has_a_home_folder_where_the_environment_names_none(known, started, monkeypatch):
    """It keeps a token there, and does not start without."""
    seen = []
    monkeypatch.delenv("HOME")
    user = types.SimpleNamespace(pw_dir="/home/somebody")
    monkeypatch.setattr(pwd, "getpwuid", {os.getuid(): user}.__getitem__ if known else {}.__getitem__)
    monkeypatch.setattr(sys.modules["ray"], "is_initialized", lambda: False, raising=False)
    monkeypatch.setattr(sys.modules["ray"], "init", lambda *_, **__: seen.append(os.environ["HOME"]))
    monkeypatch.setattr(sys.modules["ray"], "shutdown", lambda: None, raising=False)
    with connection.connected(None):
        (home,) = seen
        assert home == "/home/somebody" if known else list(Path(home).iterdir()) == []
    assert "HOME" not in os.environ
    assert known or not Path(home).exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_signals_stop_a_search_that_a_script_started_in_the_background(ending, before, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", types.SimpleNamespace(is_initialized=lambda: False, shutdown=lambda: None))
    monkeypatch.setattr(connection, "_start", lambda _: None)
    at_first = signal.signal(signal.SIGINT, before)
    try:
        with pytest.raises(KeyboardInterrupt), connection.connected(None):
            signal.raise_signal(ending)
        assert signal.getsignal(signal.SIGINT) == before
    finally:
        signal.signal(signal.SIGINT, at_first)

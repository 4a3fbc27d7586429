"""A search that outlives its shell: started, followed, stopped, killed, on the head of a cluster."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gear.errors import GearError
from search.cli.cluster import detached
from search.cli.cluster.detached import follow, newest, start

FOLLOW = "import sys\nfrom search.cli.cluster import detached\ndetached.FOLDER = detached.Path(sys.argv[1])\n"
FOLLOW += "detached.follow(detached.newest(), sys.stdout)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(detached, "FOLDER", tmp_path / "searches")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def begun():
    """Start a search that says so, waits and leaves the code of Ctrl-C."""
    code = "import sys, time\nprint('begun', flush=True)\ntry: time.sleep(300)\n"
    code += "except KeyboardInterrupt: print('stopped'); open(sys.argv[1][:-3] + 'exit', 'w').write('130')"
    search = start([], ("-c", code))
    while not search.log.read_text():
        time.sleep(0.05)
    yield search
    if search.running:
        kill(search)


def kill(search):
    os.kill(search.process, signal.SIGKILL)
    os.waitpid(search.process, 0)


def followed(search):
    out = io.StringIO()
    return follow(search, out), out.getvalue()


def test_a_search_runs_in_a_session_of_its_own_and_its_log_and_exit_code_are_passed_on():
    search = start(["--dry-run", "--pairs", "hv_from_ds", "--splits", "random", "--methods", "svr"])
    assert search.running
    assert os.getsid(search.process) == search.process
    code, said = followed(search)
    assert (code, search.exit_code, search.running) == (0, 0, False)
    assert "campaign small-1: 1 study = hv_from_ds x random x svr" in said
    assert newest() == search


@pytest.mark.parametrize("flags", [["--pairs", "hv_from_gold"], ["--no-such-flag"]])
def test_what_cannot_be_done_is_said_and_ends_with_2(flags):
    code, said = followed(start(flags))
    assert code == 2
    assert "error: " in said


def test_stopping_is_what_ctrl_c_is_to_a_search_in_front(begun):
    detached._stop(begun)
    assert followed(begun) == (130, "begun\nstopped\n")
    with pytest.raises(GearError, match="does not run"):
        detached._stop(begun)


def test_a_search_that_was_killed_says_how_to_go_on(begun):
    kill(begun)
    code, said = followed(begun)
    assert code == 1
    assert "was killed" in said
    assert "gear-search run --resume" in said


def test_ctrl_c_ends_the_following_alone(begun, tmp_path):
    command = [sys.executable, "-c", FOLLOW, str(tmp_path / "searches")]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert follower.stdout.readline() == "begun\n"
    follower.send_signal(signal.SIGINT)
    assert "the search goes on" in follower.communicate(timeout=60)[0]
    assert follower.returncode == 0
    assert begun.running


def test_without_a_search_there_is_nothing_to_follow():
    with pytest.raises(GearError, match="no search was started here"):
        newest()
    assert not Path("searches").exists()

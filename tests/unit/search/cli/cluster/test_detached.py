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
from search.cli.cluster.detached import follow, named, newest, start

FOLLOW = "import sys\nfrom search.cli.cluster import detached\ndetached.FOLDER = detached.Path(sys.argv[1])\n"
FOLLOW += "detached.follow(detached.newest(), sys.stdout)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(detached, "FOLDER", tmp_path / "searches")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def begin():
    """Start searches that say so, wait and leave the code of Ctrl-C."""
    code = "import sys, time\nprint('begun', flush=True)\ntry: time.sleep(300)\n"
    code += "except KeyboardInterrupt: print('stopped'); open(sys.argv[1][:-3] + 'exit', 'w').write('130')"
    searches = []

    def begin(second=0):
        # the name has a second and this process's number: the tests of several are given others
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "strftime", lambda form: f"20260101-00000{second}.log")
            searches.append(start([], ("-c", code)))
        while not searches[-1].log.read_text():
            time.sleep(0.05)
        return searches[-1]

    yield begin
    for search in searches:
        if search.running:
            kill(search)


@pytest.fixture
def begun(begin):
    return begin()


def kill(search):
    os.kill(search.process, signal.SIGKILL)
    os.waitpid(search.process, 0)


def command(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["gear-search cluster", *words])
    return detached.main()


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


def test_the_newest_is_what_was_started_last_whichever_said_something_last(begin):
    first, last = begin(2), begin(1)  # a clock that was set back does not matter
    os.utime(first.log)  # it says something
    assert newest() == last


@pytest.mark.parametrize("name", ["20260101-000001.log", "20260101-000001", "/home/me/searches/20260101-000001.log"])
def test_a_search_is_named_by_its_log(begin, name):
    first, _ = begin(1), begin(2)
    assert named(name) == first


def test_where_several_run_stopping_asks_for_a_name_and_stops_that_one(begin, monkeypatch, capsys):
    first, last = begin(1), begin(2)
    assert command(monkeypatch, "stop") == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith("error: 2 searches run here")
    assert first.log.name in refusal
    assert last.log.name in refusal
    assert command(monkeypatch, "stop", first.log.name) == 0
    assert followed(first)[0] == 130
    assert last.running
    assert command(monkeypatch, "follow", first.log.name) == 130
    assert command(monkeypatch, "stop") == 0  # one runs: no name is needed
    assert followed(last)[0] == 130
    assert command(monkeypatch, "stop") == 2
    assert "no search runs here" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["follow", "other.log"], ["stop", "other.log"], ["stop", "a", "b"], ["begin"]])
def test_what_is_not_there_is_one_line(begun, monkeypatch, capsys, words):
    assert command(monkeypatch, *words) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert begun.running


def test_started_and_followed_in_one_is_the_same_search(monkeypatch, capsys):
    assert command(monkeypatch, "start", "--follow", "--no-such-flag") == 2
    said = capsys.readouterr().out
    assert said.startswith("started, log ")
    assert "--no-such-flag" in said


def test_without_a_search_there_is_nothing_to_follow():
    with pytest.raises(GearError, match="no search was started here"):
        newest()
    assert not Path("searches").exists()

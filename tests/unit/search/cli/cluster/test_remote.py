"""`--cluster`: what a laptop asks of the head, through a `ray exec` that is only noted here."""

import subprocess
from pathlib import Path

import pytest

from gear.errors import InputDataError
from search import run
from search.cli.cluster import remote
from search.cli.cluster.remote import run_on_cluster, split_flags


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The commands that reach the head; `codes` gives each its exit code."""
    monkeypatch.chdir(tmp_path)
    Path("cluster.yaml").touch()
    commands = []

    def call(words):
        assert [str(word) for word in words[:2]] == [str(words[0]), "exec"]
        assert words[-2] == Path("cluster.yaml")
        commands.append(words[-1])
        return commands.codes.pop(0) if commands.codes else 0

    class Commands(list):
        codes: list[int]

    commands = Commands()
    commands.codes = []
    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    return commands


def test_the_same_flags_run_detached_on_the_head_and_are_followed(asked, monkeypatch):
    monkeypatch.setattr("sys.argv", ["search.run", "--pairs", "hv_*", "--cluster", "cluster.yaml", "--trials", "5"])
    assert run.main() == 0
    assert asked == ["cd ~/gear-search && gear-search cluster start --follow --pairs 'hv_*' --trials 5"]


def test_a_dry_run_is_the_heads(asked):
    assert run_on_cluster(Path("cluster.yaml"), ["--dry-run"]) == 0
    assert asked == ["cd ~/gear-search && gear-search run --dry-run"]


@pytest.mark.parametrize(("answer", "started"), [("y", True), ("n", False)])
def test_at_a_terminal_the_plan_is_shown_before_anything_starts(asked, monkeypatch, answer, started):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert run_on_cluster(Path("cluster.yaml"), ["--trials", "5"]) == 0
    assert asked[0].endswith("gear-search run --trials 5 --dry-run")
    assert [("gear-search cluster start" in command) for command in asked[1:]] == [True] * started


def test_a_plan_that_the_head_refuses_is_not_started(asked, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked.codes = [1]
    assert run_on_cluster(Path("cluster.yaml"), ["--trials", "0"]) == 1
    assert len(asked) == 1


def test_ctrl_c_leaves_the_search_alone_and_says_how_to_come_back(asked, monkeypatch, capsys):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "call", interrupted)
    assert run_on_cluster(Path("cluster.yaml"), ["--yes"]) == 130
    said = capsys.readouterr().out
    assert "ray exec cluster.yaml 'gear-search cluster follow'" in said
    assert "gear-search cluster stop" in said


@pytest.mark.parametrize(
    "flags",
    [
        ["--target-data", "/home/me/mine.csv"],
        ["--source-data", "other.csv", "../more.csv"],
        ["--plan", "../plan.toml"],
    ],
)
def test_files_that_the_nodes_do_not_have_are_refused(asked, flags):
    with pytest.raises(InputDataError, match="put it into this folder, copy it with ray up"):
        run_on_cluster(Path("cluster.yaml"), flags)
    assert asked == []


def test_files_in_the_project_are_there_under_the_same_name(asked):
    flags = ["--target-data", "data/mine.csv", "--target-column", "tg"]
    assert run_on_cluster(Path("cluster.yaml"), flags) == 0
    assert "--target-data data/mine.csv --target-column tg" in asked[0]


def test_a_cluster_file_that_is_missing_is_one_line(asked):
    with pytest.raises(InputDataError, match="there is no such file"):
        run_on_cluster(Path("other.yaml"), [])


def test_without_cluster_the_flags_are_the_laptops_own():
    assert split_flags(["--trials", "5", "--pairs", "a", "b"]) == (None, ["--trials", "5", "--pairs", "a", "b"])
    assert remote.split_flags(["--cluster=c.yaml", "--resume"]) == (Path("c.yaml"), ["--resume"])

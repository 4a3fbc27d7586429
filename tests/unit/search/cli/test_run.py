"""The exit code of a search and its last line: after Ctrl-C at any time, 130 and how to go on; without winners, 1."""

import dataclasses
import shlex

import pytest

from search.cli import run
from search.launch import run_campaign as launches
from search.launch.campaign_result import CampaignResult
from search.storage import snapshot
from tests.support.fake_training import BrokenRun, FakeRun, Simulation, small_plan


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command; gives its exit code and the last line that it printed."""

    def command(*words):
        monkeypatch.setattr("sys.argv", ["gear-search run", *map(str, words)])
        code = run.main()
        return code, capsys.readouterr().out.splitlines()[-1]

    return command


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_search_that_has_not_begun_is_begun_by_the_same_command(call, monkeypatch, tmp_path):
    monkeypatch.setattr(launches, "run_campaign", interrupted)
    words = ["--preset", "quick", "--name", "mine", "--storage", tmp_path / "my campaigns", "--trials", "9"]
    assert call(*words) == (130, f"stopped; go on with: {shlex.join(['gear-search', 'run', *map(str, words)])}")


def test_a_search_that_has_begun_is_resumed(call, monkeypatch, tmp_path):
    """While its winners are tested, for instance."""

    def begun(plan, options, display):
        (tmp_path / plan.name).mkdir()
        (tmp_path / plan.name / "campaign.json").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(launches, "run_campaign", begun)
    expected = f"stopped; go on with: gear-search run --resume --name quick-1 --storage {tmp_path}"
    assert call("--preset", "quick", "--storage", tmp_path) == (130, expected)
    expected = f"stopped; go on with: gear-search run --resume --name b --storage {tmp_path} --tracking-uri http://h:1"
    words = ("--preset", "quick", "--name", "b", "--storage", tmp_path, "--tracking-uri", "http://h:1")
    assert call(*words) == (130, expected)


@pytest.mark.parametrize("again", ["--resume", "--or-resume"])
def test_more_trials_that_are_not_recorded_yet_are_not_forgotten(again, call, monkeypatch, tmp_path):
    plan = small_plan(name="mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/campaign.json").touch()
    monkeypatch.setattr(snapshot, "recorded_plan", lambda *_: plan)
    monkeypatch.setattr(run, "begun_again", lambda before, asked: plan)
    monkeypatch.setattr(launches, "continue_campaign", interrupted)
    words = [again, "--name", "mine", "--storage", str(tmp_path), "--trials", "16"]
    assert call(*words) == (130, f"stopped; go on with: gear-search run {shlex.join(words)}")


@pytest.mark.parametrize(("factory", "code"), [(BrokenRun, 1), (FakeRun, 0)])
def test_a_search_that_ends_without_any_winner_ends_with_1(factory, code, call, monkeypatch, tmp_path):
    def over(plan, options, display):
        simulation = Simulation(small_plan(name="mine", replacements=1), factory=factory).run()
        head = {"created": "monday", "data": {"hv_from_ds.random": {"unit": "kJ/mol"}}}
        return CampaignResult(simulation.campaign, head, options.place / "mine", "done")

    monkeypatch.setattr(launches, "run_campaign", over)
    words = ("--preset", "quick", "--name", "mine", "--storage", tmp_path)
    assert call(*words) == (code, f"campaign folder: {tmp_path}/mine")


def test_before_there_is_a_plan_nothing_is_to_be_gone_on_with(call, monkeypatch):
    monkeypatch.setattr(run, "new_plan", lambda *_, **__: interrupted())
    assert call("--preset", "quick") == (130, "stopped before anything began")


@pytest.mark.parametrize("flags", [("--name", "n" * 300), ("--resume", "--name", "n" * 300), ("--name", "ü" * 60)])
def test_a_name_that_no_folder_can_have_is_one_line(flags, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["gear-search run", *flags, "--storage", str(tmp_path), "--dry-run"])
    try:
        code = run.main()
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr().err
    assert code == 2
    assert told.count("\n") == 1
    assert f"has {len(flags[-1])} characters" in told


def test_a_study_whose_folder_could_not_have_its_name_is_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "a.csv").write_text("smiles,x\nCCO,1\n")
    column = "temperature" * 30
    words = ["--target-data", str(tmp_path / "a.csv"), "--target-column", column, "--methods", "stl", "--dry-run"]
    monkeypatch.setattr("sys.argv", ["gear-search run", *words, "--source-property", "bp", "--storage", str(tmp_path)])
    assert run.main() == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "use shorter names of columns" in told


def test_a_unit_that_a_spreadsheet_would_run_is_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "a.csv").write_text("smiles,x\nCCO,1\n")
    words = ["--target-data", str(tmp_path / "a.csv"), "--target-column", "x", "--methods", "stl", "--dry-run"]
    words += ["--source-property", "bp", "--storage", str(tmp_path), "--target-unit", '=HYPERLINK("x")']
    monkeypatch.setattr("sys.argv", ["gear-search run", *words])
    assert run.main() == 2
    assert capsys.readouterr().err.startswith("error: the unit '=HYPERLINK")


def test_a_closed_input_is_nobody_to_ask(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    plan = dataclasses.replace(small_plan(), preset="benchmark")
    args = run.make_parser().parse_args(["--preset", "benchmark"])
    assert run._confirmed(plan, args)

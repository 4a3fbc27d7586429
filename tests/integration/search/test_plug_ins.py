"""A user's own sampler and pruner in the working folder: the examples and the guides, by the commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gear.plugins import load_object
from search import run
from search.campaign.events import TrialAsked, TrialEnded
from search.cli import simulator
from search.plan.campaign_plan import make_plan
from search.plan.plan_file import plan_to_dict
from tests.support.fake_training import Simulation, small_plan

ROOT = Path(__file__).parents[3]
SAMPLER, PRUNER = "my_sampler:NearTheBest", "my_pruner:far_behind"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A working folder with the examples."""
    for name in ("my_sampler.py", "my_pruner.py"):
        shutil.copy(ROOT / "examples" / "plugins" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_the_command_finds_them_in_the_working_folder(workplace):
    what = ["--pairs", "hv_from_ds", "--methods", "stl", "--splits", "random", "--sampler", SAMPLER, "--pruner", PRUNER]
    words = [sys.executable, "-m", "search.run", "--dry-run", *what]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=workplace, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"sampler {SAMPLER}, pruner {PRUNER} after 100 steps" in done.stdout


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--sampler", "my_sampler:Missing"], "my_sampler.py has no 'Missing'"),
        (["--sampler", "cmaes"], "unknown sampler 'cmaes'; known: tpe, gp, random, "),
        (["--pruner", "their_pruner:far_behind"], "there is no module their_pruner"),
        (["--pruner", "my_pruner:TrialProgress"], "is a class, not a function of a"),
    ],
)
def test_a_wrong_path_is_one_line_before_anything_starts(flags, says, workplace, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["search.run", "--preset", "small", *flags])
    assert run.main() == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("preset small: asked for\n", 1)
    assert says in told.err


def test_a_campaign_by_both_goes_on_after_an_interruption_as_it_would_have_gone_on(workplace):
    plan = small_plan(trials=16, methods=["stl"], startup_trials=2, sampler=SAMPLER, pruner=PRUNER)
    whole = Simulation(plan, slots=1).run()
    reasons = {e.reason for e in whole.events if isinstance(e, TrialEnded) and e.state == "pruned"}
    assert any("worse than the best trial at epoch" in reason for reason in reasons)
    assert sum(e.origin == SAMPLER for e in whole.events if isinstance(e, TrialAsked)) > 10
    cut = Simulation(plan, slots=1).run(40)
    resumed = Simulation(plan, cut.steps, slots=1).run()
    assert results(resumed) == results(whole)


def results(simulation):
    (study,) = simulation.campaign.studies.values()
    return [(trial.params, trial.state, trial.reason, trial.curve) for trial in study.trials]


def test_the_simulator_compares_them(workplace, monkeypatch, capsys):
    flags = ["--sampler", SAMPLER, "--pruner", "median", PRUNER, "--trials", "6", "--seeds", "1", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", ["search.cli.simulator", *flags])
    assert simulator.main() == 0
    told = capsys.readouterr().out
    for name in ("random", SAMPLER, f"{SAMPLER} + median", f"{SAMPLER} + {PRUNER}"):
        assert f"  {name}: " in told


def blocks(guide):
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins" / guide).read_text(), re.DOTALL)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_the_python_of_the_guides_works(workplace):
    with_settings, from_python, cma = blocks("sampler.md")
    (stalled,) = blocks("pruner.md")
    named = {}
    sys.path.append(str(workplace))
    exec(from_python, named)
    recorded = plan_to_dict(make_plan(["ct_from_bp"], ["random"], ["stl"], pruner=load_object(PRUNER, "pruner")))
    assert (named["plan"].search.sampler, recorded["search"]["pruner"]) == (SAMPLER, PRUNER)
    (workplace / "of_the_guides.py").write_text("\n".join([with_settings, cma, stalled]))
    for sampler in ("make_sampler", "ContinuedCmaEs"):
        more = {"sampler": f"of_the_guides:{sampler}", "pruner": "of_the_guides:stalled"}
        plan = small_plan(trials=16, methods=["stl"], startup_trials=2, **more)
        (study,) = Simulation(plan).run().campaign.studies.values()
        assert study.ended == 16
        assert study.trials[-1].origin == more["sampler"]

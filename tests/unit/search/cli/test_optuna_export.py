"""A campaign's Optuna studies, written for Optuna's own tools."""

import sys

import optuna
import pytest

from gear.errors import StorageError
from search.cli import optuna_export
from search.cli.optuna_export import write_studies
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from tests.support.fake_training import BrokenRun, Simulation, small_plan

GEAR = "hv_from_ds.random.gear"


def simulated(turns=10_000, plan=None, **options):
    simulation = Simulation(plan or small_plan(), **options)
    simulation.run(turns)
    return simulation


def opened(path, name=GEAR):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def test_every_study_is_there_with_its_trials_their_settings_and_ends(tmp_path):
    studies = simulated().campaign.studies
    write_studies(studies.values(), tmp_path / "study.db")
    for name, study in studies.items():
        written = opened(tmp_path / "study.db", name).get_trials()
        assert [trial.state.name.lower() for trial in written] == [trial.state for trial in study.trials]
        assert [trial.params for trial in written] == [trial.params for trial in study.trials]
        assert [trial.intermediate_values for trial in written] == [trial.curve for trial in study.trials]
        assert [trial.user_attrs["origin"] for trial in written] == [trial.origin for trial in study.trials]
    best = opened(tmp_path / "study.db").best_trial
    assert (best.number, best.value) == (studies[GEAR].best.number, studies[GEAR].best.value)


def test_a_campaign_under_way_and_failed_trials_are_told_as_they_are(tmp_path):
    write_studies(simulated(turns=6).campaign.studies.values(), tmp_path / "running.db")
    states = {trial.state.name for trial in opened(tmp_path / "running.db").get_trials()}
    assert "RUNNING" in states
    write_studies(simulated(factory=BrokenRun).campaign.studies.values(), tmp_path / "broken.db")
    broken = opened(tmp_path / "broken.db").get_trials()
    assert {trial.state.name for trial in broken} == {"FAIL"}
    assert broken[0].user_attrs["reason"].startswith("CUDA out of memory")


def test_a_configuration_trained_again_is_no_trial_of_optunas(tmp_path):
    """The search's own trials keep their numbers in the campaign, which repeats of an earlier launch may shift."""
    study = simulated(plan=small_plan(finalists=2, finalist_seeds=2)).campaign.studies[GEAR]
    assert len(study.trials) > len(study.searched)
    write_studies([study], tmp_path / "study.db")
    written = opened(tmp_path / "study.db").get_trials()
    assert [trial.user_attrs["trial"] for trial in written] == [trial.number for trial in study.searched]


def test_a_file_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mlflow.db").write_text("precious")
    with pytest.raises(StorageError, match="exists: give --to a new file"):
        write_studies([], tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "precious"
    with pytest.raises(StorageError, match="cannot write"):
        write_studies([], tmp_path / "no" / "study.db")


def test_the_command_writes_a_campaign_folder_and_says_how_to_look_at_it(tmp_path, monkeypatch, capsys):
    simulation = simulated()
    head = {"plan": plan_to_dict(simulation.campaign.plan)}
    with CampaignStore.create(
        LocalPath(tmp_path / "campaigns" / "test"), head, plan_to_toml(simulation.campaign.plan)
    ) as store:
        for step in simulation.steps:
            store.append(*step)
    to = tmp_path / "study.db"
    argv = ["search.cli.optuna_export", "test", "--storage", str(tmp_path / "campaigns"), "--to", str(to)]
    monkeypatch.setattr(sys, "argv", argv)
    assert optuna_export.main() == 0
    assert f"optuna-dashboard sqlite:///{to}" in capsys.readouterr().out
    assert len(optuna.get_all_study_names(f"sqlite:///{to}")) == 2
    assert [path.name for path in tmp_path.iterdir() if "draft" in path.name] == []

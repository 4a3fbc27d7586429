"""Where MLflow's page shows a campaign."""

import json

import pytest

from tests.support.mlflow_story import record, story
from tracking.identity import CampaignIdentity
from tracking.mlflow_page import runs_address, runs_words, ui_command


def test_a_recorded_campaign_has_a_view_with_columns_that_its_studies_have(uri, client):
    record(uri, *story())
    experiment = client.get_experiment_by_name("quick-1")
    columns = json.loads(experiment.tags["mlflow.sharedViewState.gear"])["selectedColumns"]
    assert {"metrics.`best_validation_rmse`", "metrics.`test_rmse`", "tags.`gear.status`"} <= set(columns)
    address = runs_address(uri, experiment.experiment_id)
    assert address.endswith("&viewStateShareKey=gear")
    assert (
        runs_words(uri, CampaignIdentity("quick-1"))
        == f"mlflow ui --host 127.0.0.1 --backend-store-uri {uri}, then {address}"
    )


def test_nothing_is_said_of_a_campaign_that_mlflow_does_not_have_or_show(uri, tmp_path):
    assert runs_words(uri, CampaignIdentity("quick-1")) == ""
    assert runs_words(f"sqlite:///{tmp_path}/gone.db", CampaignIdentity("quick-1")) == ""


@pytest.mark.parametrize(
    ("uri", "address", "command"),
    [
        ("http://there:5000/", "http://there:5000/#/experiments/7/runs?workflowType=machine_learning", ""),
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000/#/experiments/7/runs?", "mlflow ui --host 127.0.0.1"),
        (
            "sqlite:////my place/m.db",
            "http://127.0.0.1:5000/#/experiments/7/runs?",
            "mlflow ui --host 127.0.0.1 --backend-store-uri 'sqlite:////my place/m.db'",
        ),
    ],
)
def test_the_address_is_the_table_of_runs_of_a_server_or_of_a_page_that_a_command_serves(uri, address, command):
    assert runs_address(uri, "7").startswith(address)
    assert ui_command(uri) == command

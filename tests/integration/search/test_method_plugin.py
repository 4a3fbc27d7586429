"""The example of a user's own method, from a user's folder to a registered model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tracking.client import open_client

ROOT = Path(__file__).parents[3]
STUDY = "st_from_ri.random-n60.corrected"
SMALL = "--pairs st_from_ri --splits random-n60 --validation-folds 1 --trials 1 --epochs 1 --name mine".split()


def run(folder, *words):
    """A command in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def campaign(template, tmp_path_factory):
    """A user's folder with the example in it, where a small search has run."""
    folder = tmp_path_factory.mktemp("mine")
    shutil.copy(ROOT / "examples/plugins/my_method.py", folder)
    shutil.copy(template, folder / "mlflow.db")
    (folder / "molecules.csv").write_text("smiles\nCCO\nc1ccccc1\n")
    done = run(folder, "-m", "search.run", "--methods", "my_method:Corrected", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "not registered" not in done.stdout
    return folder


@pytest.fixture
def elsewhere(campaign, tmp_path):
    """The results in another folder, which does not have the method's module."""
    shutil.copytree(campaign, tmp_path / "other", ignore=shutil.ignore_patterns("my_method.py", "__pycache__"))
    return tmp_path / "other"


def predict(folder, export):
    return run(folder, "-m", "gear.predict", str(export), "molecules.csv", "--out", "predictions.csv")


@pytest.mark.ray
def test_search_trains_exports_and_registers_it_under_its_short_name(campaign):
    place = campaign / "campaigns/mine"
    assert json.loads((place / "campaign.json").read_text())["plan"]["methods"] == ["corrected=my_method:Corrected"]
    config = json.loads((place / "exports" / STUDY / "config.json").read_text())["members"][0]["trial"]["config"]
    assert config["method"] == "corrected=my_method:Corrected"
    assert config["settings"] == {"correction": 0.03}
    assert "`my_method:Corrected`" in (place / "exports" / STUDY / "README.md").read_text()
    client = open_client(f"sqlite:///{campaign}/mlflow.db")
    model = client.get_registered_model("gear.st_from_ri.random-n60")
    assert set(model.aliases) == {"best_corrected", "champion"}
    (trial,) = client.search_runs(
        [client.get_experiment_by_name("mine").experiment_id], "tags.`gear.trial` = '0'", max_results=1
    )
    assert trial.data.params["settings.correction"] == "0.03"
    assert trial.data.tags["gear.method"] == "corrected"


@pytest.mark.ray
def test_export_predicts_where_the_module_is_and_says_so_where_it_is_not(campaign, elsewhere):
    export = campaign / "campaigns/mine/exports" / STUDY
    assert predict(campaign, export).returncode == 0
    assert len((campaign / "predictions.csv").read_text().splitlines()) == 3
    done = predict(elsewhere, export)
    assert done.returncode == 2
    assert done.stderr == (
        "error: method 'my_method:Corrected': there is no module my_method: run in the folder that holds my_method.py, "
        "or install it\n"
    )


@pytest.mark.ray
def test_code_that_somebody_put_into_an_export_is_not_run(campaign, elsewhere):
    export = elsewhere / "campaigns/mine/exports" / STUDY
    (export / "my_method.py").write_text("open('was_run', 'w')\n")
    shutil.copy(campaign / "molecules.csv", export)
    done = predict(export, ".")
    assert done.returncode == 2
    assert "whose code is not run" in done.stderr
    assert not (export / "was_run").exists()


@pytest.mark.ray
def test_registered_model_brings_the_module_along(campaign, elsewhere):
    code = (
        "import mlflow, pandas; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "model = mlflow.pyfunc.load_model('models:/gear.st_from_ri.random-n60@champion'); "
        "print(len(model.predict(pandas.DataFrame({'smiles': ['CCO', 'CCN']}))))"
    )
    done = run(elsewhere, "-c", code)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.ray
def test_campaign_is_read_without_the_module_and_resumed_only_with_it(campaign, elsewhere):
    done = run(elsewhere, "-m", "search.cli.status", "mine")
    assert done.returncode == 0, done.stderr
    assert STUDY in done.stdout
    resume = ("-m", "search.run", "--resume", "--name", "mine", "--trials", "2")
    done = run(elsewhere, *resume)
    assert done.returncode == 2
    assert done.stderr.startswith("error: method 'my_method:Corrected': there is no module my_method")
    shutil.copy(campaign / "my_method.py", elsewhere)
    done = run(elsewhere, *resume)
    assert done.returncode == 0, done.stderr
    assert "2/2: trial 1 complete" in done.stdout


@pytest.mark.ray
def test_report_shows_it(campaign):
    done = run(campaign, "-m", "tracking.report")
    assert done.returncode == 0, done.stderr
    assert STUDY in (campaign / "report.html").read_text()

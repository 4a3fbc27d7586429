"""Models of small synthetic pairs, trained and exported; an empty MLflow database; what every test begins with."""

import os
import zlib

import pytest
import torch

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.evaluation.calibrate import calibrate
from gear.evaluation.evaluate import predict_held_out
from gear.evaluation.held_out import out_of_fold
from gear.export import Member, export_model
from gear.testing.pairs import synthetic_pair
from gear.training.loop import TrainingRun

for variable in ("GEAR_STORAGE", "MLFLOW_TRACKING_URI"):  # of whoever runs the tests
    os.environ.pop(variable, None)

torch.set_num_threads(1)  # as a trial has; the models here are too small to share


@pytest.fixture(autouse=True)
def no_tracking_uri():
    """MLflow writes the last one used into the environment, where a command of a later test would find it."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    yield
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(autouse=True)
def own_seed(request):
    """The numbers that torch draws in a test do not depend on the tests before it."""
    torch.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An empty MLflow database, to be copied; it is made once a session, since its schema takes seconds."""
    from tracking.client import open_client  # MLflow, seconds that most tests do not need

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    open_client(f"sqlite:///{path}", create=True)
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # or a search in a fixture of a module would be recorded there
    return path


@pytest.fixture(scope="session")
def pair():
    return synthetic_pair()


def trained_member(folder, pair, seed=0, epochs=30, method="stl", **config):
    """A model of a synthetic pair, single-task by default, and where its checkpoint is; it reads the pair's columns."""
    training = TrainingConfig(epochs=epochs, epoch_steps=1, batch_size=20, ema=0.0)
    config = TrialConfig(method=method, seed=seed, training=training, **config)
    run = TrainingRun(config, pair, "cpu")
    list(run.epochs())
    run.save(folder)
    target = TaskSpec("target", file="mine.csv", features=pair.features) if pair.features else TaskSpec("target")
    return Member(folder, TrialSpec(PairSpec(target, (TaskSpec("source"),)), "random", config=config), pair)


@pytest.fixture(scope="session")
def member(tmp_path_factory, pair):
    """A trained model."""
    return trained_member(tmp_path_factory.mktemp("trained") / "checkpoint", pair)


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory, member):
    """Two more, which learnt other molecules and from another seed."""
    folder = tmp_path_factory.mktemp("ensemble")
    others = [trained_member(folder / str(n), synthetic_pair(n_target=n), seed=n, epochs=10) for n in (60, 80)]
    return [member, *others]


@pytest.fixture
def export(member, tmp_path):
    """The export folder of one model."""
    export_model([member], member.pair, tmp_path / "export", {"validation RMSE": 0.5})
    return tmp_path / "export"


@pytest.fixture
def calibrated_export(member, tmp_path):
    """The same with the calibration of its prediction intervals, by ten validation molecules."""
    held_out = predict_held_out(member.checkpoint, member.spec, member.pair)
    calibration = calibrate(out_of_fold([held_out]), [member.pair])
    export_model([member], member.pair, tmp_path / "calibrated", {}, calibration)
    return tmp_path / "calibrated"


@pytest.fixture
def ensemble_export(ensemble, tmp_path):
    """The export folder of three."""
    export_model(ensemble, ensemble[0].pair, tmp_path / "ensemble", {})
    return tmp_path / "ensemble"


@pytest.fixture
def quick_config():
    """A small trial of a method by name."""

    def build(method, **training):
        settings = {"epochs": 3, "epoch_steps": 1, "batch_size": 20, "source_epochs": 2} | training
        return TrialConfig(method=method, training=TrainingConfig(**settings))

    return build

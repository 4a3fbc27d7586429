"""A real export of a tiny model."""

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.export import Member, export_model
from gear.testing.pairs import synthetic_pair, with_temperatures
from gear.training.loop import TrainingRun


def make_export(scratch, to, *, temperatures=False):
    """Train for two epochs and export; perhaps a model that reads a feature column."""
    pair = with_temperatures(synthetic_pair()) if temperatures else synthetic_pair()
    target = TaskSpec("target", file="mine.csv", features=("temperature",)) if temperatures else TaskSpec("target")
    config = TrialConfig(method="stl", training=TrainingConfig(epochs=2, epoch_steps=1, batch_size=50))
    run = TrainingRun(config, pair, "cpu")
    list(run.epochs())
    run.save(scratch / "checkpoint")
    spec = TrialSpec(PairSpec(target, (TaskSpec("source"),)), "random", config=config)
    export_model([Member(scratch / "checkpoint", spec, pair)], pair, to, {"test RMSE": 0.5})

"""`train_trial`: training from Python."""

import dataclasses

import pytest

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.errors import StorageError
from gear.testing.pairs import molecules
from gear.train import train_trial

MACHINE_DEPENDENT = {"seconds", "molecules_per_second", "peak_memory_mb"}


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A single-task trial of three epochs on a user's file."""
    monkeypatch.setenv("GEAR_CACHE", str(tmp_path / "cache"))
    tasks = []
    for name, scale in (("mine", 1.0), ("other", -3.0)):
        rows = [f"{smiles},{scale * len(smiles) + 40}" for smiles in molecules()]
        (tmp_path / f"{name}.csv").write_text("\n".join(["smiles,value", *rows]) + "\n")
        tasks.append(TaskSpec(name, file=str(tmp_path / f"{name}.csv"), column="value", unit="K"))
    training = TrainingConfig(epochs=3, epoch_steps=1, batch_size=32)
    return TrialSpec(PairSpec(tasks[0], (tasks[1],)), "random", config=TrialConfig("stl", training=training))


def numbers(history):
    rows = [dataclasses.asdict(row) for row in history]
    return [{name: value for name, value in row.items() if name not in MACHINE_DEPENDENT} for row in rows]


def test_returns_the_learning_curve(spec):
    history = train_trial(spec)
    assert [row.epoch for row in history] == [1, 2, 3]
    assert history[-1].status == "complete"


def test_a_training_that_was_interrupted_goes_on_from_its_checkpoint(spec, tmp_path):
    whole = numbers(train_trial(spec))
    seen = []

    def stop_after_the_first(row):
        seen.append(row)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_trial(spec, tmp_path / "state", stop_after_the_first)
    rest = train_trial(spec, str(tmp_path / "state"), seen.append)
    assert [row.epoch for row in rest] == [2, 3]
    assert numbers(seen) == whole


def test_a_folder_that_is_no_checkpoint_is_refused(spec, tmp_path):
    (tmp_path / "state").mkdir()
    with pytest.raises(StorageError, match="no checkpoint in"):
        train_trial(spec, tmp_path / "state")

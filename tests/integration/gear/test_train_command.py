"""`python -m gear.train` in processes of its own: the same numbers every time."""

import json
import subprocess
import sys

import pytest

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.parsing import to_dict
from gear.testing.pairs import molecules

MACHINE_DEPENDENT = {"seconds", "molecules_per_second", "peak_memory_mb"}


@pytest.fixture
def trial(tmp_path):
    """A trial on two small files of a user."""
    for name, scale in (("mine", 1.0), ("other", -3.0)):
        rows = [f"{smiles},{scale * len(smiles) + 40}" for smiles in molecules()]
        (tmp_path / f"{name}.csv").write_text("\n".join(["smiles,value", *rows]) + "\n")
    tasks = [TaskSpec(name, file=str(tmp_path / f"{name}.csv"), column="value", unit="K") for name in ("mine", "other")]
    spec = TrialSpec(
        PairSpec(tasks[0], tuple(tasks[1:])),
        "random",
        config=TrialConfig(training=TrainingConfig(epochs=3, epoch_steps=1, batch_size=32)),
    )
    (tmp_path / "trial.json").write_text(json.dumps(to_dict(spec)))
    return tmp_path / "trial.json"


def train(*args):
    done = subprocess.run([sys.executable, "-m", "gear.train", *map(str, args)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def epochs(*args):
    code, out, err = train(*args, "--json")
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    return [{name: value for name, value in row.items() if name not in MACHINE_DEPENDENT} for row in rows]


def test_two_runs_give_identical_epochs(trial):
    first = epochs(trial)
    assert [row["epoch"] for row in first] == [1, 2, 3]
    assert first == epochs(trial)


def test_run_goes_on_from_its_checkpoint(trial, tmp_path):
    whole = epochs(trial, "--checkpoint", tmp_path / "state")
    assert epochs(trial, "--checkpoint", tmp_path / "state") == whole[-1:]


@pytest.mark.parametrize("content", ["{", "[]", '{"pair": 3}'])
def test_broken_trial_is_one_line(content, tmp_path):
    (tmp_path / "trial.json").write_text(content)
    code, _, err = train(tmp_path / "trial.json")
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1

"""Checkpoints: whatever is damaged in one, it is read as it was written or said to be none."""

import os
import shutil

import pytest
import torch

from gear.config import EmbeddingConfig, TrainingConfig, TrialConfig
from gear.errors import CheckpointError, StorageError
from gear.methods import build_method
from gear.training.checkpoint import load_module, module_tensors, read_state, write_folder, write_state
from tests.support.damage import PLAIN, apply_damage, damaging

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.int64)}
STATE = {"epoch": 3, "best_rmse": None, "last": {"loss": 0.25, "nan": float("nan"), "notes": []}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint") / "epoch-3"
    write_state(folder, TENSORS, STATE)
    return folder


def check_is_as_written(folder):
    tensors, state = read_state(folder)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert repr(state) == repr(STATE)  # nan differs from itself


def check_damage(written, tmp_path_factory, damage):
    folder = shutil.copytree(written, tmp_path_factory.mktemp("damaged") / "epoch-3")
    apply_damage(damage, sorted(folder.iterdir()))
    try:
        check_is_as_written(folder)
    except CheckpointError as error:
        line = str(error)
    else:
        line = str(folder)
    shutil.rmtree(folder.parent)
    assert "\n" not in line
    assert str(folder) in line


@damaging(PLAIN, 200)
def test_no_damage_is_silent(written, tmp_path_factory, damage):
    check_damage(written, tmp_path_factory, damage)


@pytest.mark.slow
@damaging(PLAIN, 2000)
def test_no_damage_is_silent_in_two_thousand_tries(written, tmp_path_factory, damage):
    check_damage(written, tmp_path_factory, damage)


def test_what_was_written_is_read(written):
    check_is_as_written(written)


def test_no_folder_and_an_empty_one_are_no_checkpoint(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("gone", "empty", "file"):
        with pytest.raises(CheckpointError, match=f"no checkpoint in .*{name}"):
            read_state(tmp_path / name)


def test_a_disk_that_cannot_be_read_now_is_not_damage(written, monkeypatch):
    def refuse(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(written), "read_bytes", refuse)
    with pytest.raises(StorageError, match="cannot read checkpoint") as error:
        read_state(written)
    assert not isinstance(error.value, CheckpointError)


def test_the_tensors_of_another_model_are_not_taken(tmp_path):
    small, large = (
        build_method(TrialConfig(method="stl", embedding=EmbeddingConfig(width=width), training=TrainingConfig()), 0, 0)
        for width in (16, 32)
    )
    with pytest.raises(ValueError, match="not those of the model"):
        load_module(large, module_tensors(small, "best."), "best.")


@pytest.fixture
def synced(monkeypatch):
    """The names of what was brought to the disk, in order, with those of renamed folders among them."""
    names, fsync, rename = [], os.fsync, os.rename

    def note(file):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{file}")))
        fsync(file)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "rename", lambda *places: (names.append("rename"), rename(*places)))
    return names


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(tmp_path, synced):
    write_state(tmp_path / "study/epoch-1", TENSORS, STATE)
    before, after = synced[: synced.index("rename")], synced[synced.index("rename") + 1 :]
    assert {"state.safetensors", "state.json", tmp_path.name} <= set(before)
    assert any(name.startswith(".epoch-1.draft-") for name in before)
    assert after == ["study"]


def test_a_folder_that_cannot_be_written_leaves_the_one_that_was_there(tmp_path):
    write_state(tmp_path / "epoch-1", TENSORS, STATE)

    def fail(draft):
        (draft / "half").write_text("")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"):
        write_folder(tmp_path / "epoch-1", fail)
    check_is_as_written(tmp_path / "epoch-1")
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-1"]

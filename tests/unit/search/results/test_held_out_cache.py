"""Held-out molecules are predicted once for each checkpoint; what is read back is what was predicted."""

import dataclasses
import shutil

import numpy as np
import pytest

from gear.evaluation import evaluate
from search.results.held_out_cache import predict_all
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath

COLUMNS = ("smiles", "part", "value", "prediction", "spread")


@pytest.fixture
def store(tmp_path):
    with CampaignStore.create(LocalPath(tmp_path / "quick-1"), {"plan": {"name": "quick-1"}}, "") as opened:
        yield opened


@pytest.fixture
def predicted(monkeypatch):
    """Lists the checkpoints that were asked to predict."""
    asked, predict = [], evaluate.predict_held_out

    def counted(checkpoint, spec, pair):
        asked.append(checkpoint)
        return predict(checkpoint, spec, pair)

    monkeypatch.setattr(evaluate, "predict_held_out", counted)
    return asked


def files(store):
    return (store.folder / "held_out").glob("*")


def test_a_checkpoint_predicts_once_and_what_is_read_back_is_the_same(store, ensemble, predicted):
    first, again = predict_all(ensemble, store), predict_all(ensemble, store)
    assert predicted == [member.checkpoint for member in ensemble]
    for one, other in zip(first, again, strict=True):
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
        assert (one.scaler, one.features) == (other.scaler, other.features)


def test_a_feature_column_is_kept(store, member, monkeypatch):
    found = evaluate.predict_held_out(member.checkpoint, member.spec, member.pair)
    temperature = np.where(np.arange(len(found.value)) % 2, 300.0, np.nan)
    with_column = dataclasses.replace(found, features={"temperature": temperature})
    monkeypatch.setattr(evaluate, "predict_held_out", lambda *_: with_column)
    predict_all([member], store)
    np.testing.assert_array_equal(predict_all([member], store)[0].features["temperature"], temperature)


def test_the_same_checkpoint_elsewhere_is_known_and_another_or_other_data_is_not(store, member, predicted, tmp_path):
    predict_all([member], store)
    moved = dataclasses.replace(member, checkpoint=tmp_path / "moved")
    shutil.copytree(member.checkpoint, moved.checkpoint)
    predict_all([moved], store)
    assert len(predicted) == 1
    (moved.checkpoint / "state.json").write_text((moved.checkpoint / "state.json").read_text() + " ")
    predict_all([moved], store)
    other_split = dataclasses.replace(member, pair=dataclasses.replace(member.pair, split_hash="another"))
    predict_all([other_split], store)
    assert len(predicted) == 3


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"x" + data])
def test_a_damaged_file_is_written_again(damage, store, member, predicted):
    before = predict_all([member], store)[0].prediction
    (file,) = files(store)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    np.testing.assert_array_equal(predict_all([member], store)[0].prediction, before)
    assert len(predicted) == 2
    assert file.read_bytes() == whole

"""Campaigns on S3: what the store refuses is told and no secret is; nothing half-written is taken for whole."""

import pickle
import threading
from unittest import mock

import pytest

from gear.errors import InputDataError, StorageError
from search.campaign.events import EpochReported, TrialAsked
from search.storage import s3 as storage_s3
from search.storage.append_log import RewrittenLog
from search.storage.campaign_store import CampaignStore
from search.storage.locate import open_folder
from tests.support.driver_checks import events_of
from tests.support.s3_server import BUCKET, KEY, SECRET

EPOCH = EpochReported("s", 0, 0, 1, {"best_validation_rmse": 0.5}, "checkpoints/s/0000/attempt-0/epoch-1")
ASKED = TrialAsked("s", 0, 0, {}, {}, {})


def closed(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


def foreign(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")


def without_keys(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("place", "change", "says"),
    [
        ("missing/campaigns", None, "there is no bucket missing at http://127.0.0.1:.*: create it, or give another"),
        (f"{BUCKET}/x", foreign, r"access to s3://lab/x is denied \(ACCESS_DENIED\): set AWS_ACCESS_KEY_ID and"),
        (f"{BUCKET}/x", without_keys, r"access to s3://lab/x is denied \(ACCESS_DENIED\): set AWS_ACCESS_KEY_ID and"),
        (f"{BUCKET}/x", closed, "s3://lab/x: nothing answers at http://127.0.0.1:1: set AWS_ENDPOINT_URL"),
    ],
)
def test_a_bucket_that_cannot_be_had_is_one_line_that_says_what_to_do(s3, monkeypatch, place, change, says):
    if change is not None:
        change(monkeypatch)
        storage_s3._client.cache_clear()
    with pytest.raises(StorageError, match=says) as refusal:
        open_folder(f"s3://{place}")
    assert KEY not in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ("Bucket 'lab' not found", "there is no bucket lab at Amazon S3"),
        (
            "AWS Error NETWORK_CONNECTION during HeadBucket operation: x",
            "s3://lab/x: nothing answers at Amazon S3: set",
        ),
    ],
)
def test_a_bucket_whose_region_cannot_be_found_out_is_one_line_too(s3, monkeypatch, refusal, says):
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(storage_s3.fs, "resolve_s3_region", mock.Mock(side_effect=OSError(refusal)))
    with pytest.raises(StorageError, match=says):
        open_folder("s3://lab/x")


@pytest.mark.parametrize(
    "uri", [f"s3://{KEY}:{SECRET}@lab/x", f"s3://lab/x?secret_key={SECRET}", "s3://", f"gs://lab/{SECRET}"]
)
def test_what_is_no_place_is_refused_without_repeating_it(uri):
    with pytest.raises(InputDataError) as refusal:
        open_folder(uri)
    assert SECRET not in str(refusal.value)


def test_keys_in_the_address_of_the_store_are_refused_without_repeating_them(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{KEY}:{SECRET}@localhost:9000")
    with pytest.raises(InputDataError, match="AWS_ENDPOINT_URL is not the URL") as refusal:
        open_folder("s3://lab/x")
    assert SECRET not in str(refusal.value)


def test_a_folder_travels_with_its_endpoint_and_without_keys(s3, monkeypatch):
    (s3 / "file").write_text("there")
    travelling = pickle.dumps(s3)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert (pickle.loads(travelling) / "file").read_text() == "there"
    assert KEY.encode() not in travelling
    assert SECRET.encode() not in travelling


def test_a_checkpoint_that_was_not_written_to_its_end_is_none(s3, server):
    with (s3 / "epoch-1").written() as path:
        path.mkdir()
        (path / "state.json").write_text("{}")
        (path / "fold-0").mkdir()
        (path / "fold-0/state.safetensors").write_text("weights")
    with (s3 / "epoch-1").local() as path:
        assert (path / "state.json").read_text() == "{}"
        assert (path / "fold-0/state.safetensors").read_text() == "weights"
    objects = [key for key in server.contents() if key.startswith(s3.root.partition("/")[2])]
    whole = [key for key in objects if key.endswith("files.json")]
    server.client.delete_object(Bucket=BUCKET, Key=whole[0])
    with pytest.raises(FileNotFoundError), (s3 / "epoch-1").local():
        pass
    assert (s3 / "epoch-1/state.json").exists()


def test_writing_that_fails_leaves_no_whole_checkpoint(s3, server):
    def write():
        with (s3 / "epoch-1").written() as path:
            path.mkdir()
            (path / "state.json").write_text("{}")
            server.refusals = 1000

    with pytest.raises(StorageError, match="SERVICE_UNAVAILABLE"):
        write()
    server.refusals = 0
    with pytest.raises(FileNotFoundError), (s3 / "epoch-1").local():
        pass


def test_lone_epochs_wait_a_moment_and_are_seen_before_what_follows(s3, monkeypatch):
    monkeypatch.setattr("search.storage.append_log.FLUSH_SECONDS", 1000.0)
    with CampaignStore.create(s3 / "c", {"plan": {}}, "") as store:
        store.append(ASKED)
        store.append(EPOCH)
        assert list(store.events()) == [ASKED]
        store.append(ASKED)
        assert list(store.events()) == [ASKED, EPOCH, ASKED]
        store.append(EPOCH)
    assert events_of(s3 / "c") == [ASKED, EPOCH, ASKED, EPOCH]


def test_a_line_waits_no_longer_than_a_moment(monkeypatch):
    monkeypatch.setattr("search.storage.append_log.FLUSH_SECONDS", 0.01)
    stored = threading.Event()
    log = RewrittenLog(lambda data: stored.set())
    log.append(b"line\n", durable=False)
    assert stored.wait(60)

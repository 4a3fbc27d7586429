"""Campaigns on S3: what the store refuses is told and no secret is; nothing half-written is taken for whole."""

import pickle
import signal
import tempfile
import threading
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest

from gear.errors import InputDataError, StorageError
from search import cluster, object_store, run, status
from search.events import EpochReported, TrialAsked
from search.folder import open_folder
from search.log import RewrittenLog
from search.store import CampaignStore
from tests.search import fakes
from tests.search.checks import check_survived, count_lines, ends_of, events_of, start, wait_for
from tests.search.drive import drive
from tests.search.storage import BUCKET, KEY, SECRET

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
        (f"{BUCKET}/x", foreign, r"s3://lab/x refuses us \(ACCESS_DENIED\): set AWS_ACCESS_KEY_ID and"),
        (f"{BUCKET}/x", without_keys, r"s3://lab/x refuses us \(ACCESS_DENIED\): set AWS_ACCESS_KEY_ID and"),
        (f"{BUCKET}/x", closed, "s3://lab/x: nothing answers at http://127.0.0.1:1: set AWS_ENDPOINT_URL"),
    ],
)
def test_a_bucket_that_cannot_be_had_is_one_line_that_says_what_to_do(s3, monkeypatch, place, change, says):
    if change is not None:
        change(monkeypatch)
        object_store._client.cache_clear()
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
    monkeypatch.setattr(object_store.fs, "resolve_s3_region", mock.Mock(side_effect=OSError(refusal)))
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
    with pytest.raises(InputDataError, match="AWS_ENDPOINT_URL is no URL") as refusal:
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
    monkeypatch.setattr("search.log.FLUSH_SECONDS", 1000.0)
    with CampaignStore.create(s3 / "c", {"plan": {}}, "") as store:
        store.append(ASKED)
        store.append(EPOCH)
        assert list(store.events()) == [ASKED]
        store.append(ASKED)
        assert list(store.events()) == [ASKED, EPOCH, ASKED]
        store.append(EPOCH)
    assert events_of(s3 / "c") == [ASKED, EPOCH, ASKED, EPOCH]


def test_a_line_waits_no_longer_than_a_moment(monkeypatch):
    monkeypatch.setattr("search.log.FLUSH_SECONDS", 0.01)
    stored = threading.Event()
    log = RewrittenLog(lambda data: stored.set())
    log.append(b"line\n", durable=False)
    assert stored.wait(60)


@pytest.fixture
def ray_folder(monkeypatch):
    """Where Ray keeps its logs; a short path, since its sockets lie there too."""
    with tempfile.TemporaryDirectory(prefix="gear-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


@pytest.mark.ray
def test_a_campaign_whose_driver_is_killed_goes_on_from_s3_alone(s3, server, ray_folder, monkeypatch):
    monkeypatch.setattr(cluster, "machine_cpus", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder, plan = s3 / "c", fakes.small_plan(trials=3)
    driver = start(folder, 3)
    wait_for(lambda: count_lines(folder, "TrialEnded") >= 2 and count_lines(folder, "EpochReported") >= 20, driver)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = ends_of(events_of(folder))
    running = newest_checkpoints(events_of(folder))
    assert any(checkpoint is not None for checkpoint in running.values())
    campaign, outcome = drive(folder, fakes.FakeRun, plan)
    assert outcome == "done"
    events = check_survived(folder, plan, before)
    again = [event for event in events if isinstance(event, TrialAsked) and event.attempt == 1]
    assert {(event.study, event.number): event.checkpoint for event in again} == running
    epochs = Counter((e.study, e.number, e.epoch) for e in events if isinstance(e, EpochReported))
    assert set(epochs.values()) == {1}
    for study in campaign.studies.values():
        with (folder / study.best.checkpoint).local() as path:
            assert (path / "state.json").exists()
    assert not any(SECRET.encode() in data for data in server.contents().values())
    logs = [path for path in ray_folder.rglob("*") if path.is_file()]
    assert any("runtime_env" in path.name for path in logs)
    assert [path for path in logs if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.ray
def test_a_whole_search_lives_on_s3_and_shows_no_secret(s3, server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "machine_cpus", lambda: 2)
    flags = "--preset quick --splits random --methods stl --trials 1 --epochs 1 --name mine"
    monkeypatch.setattr("sys.argv", ["search.run", *flags.split(), "--storage", str(s3)])
    assert run.main() == 0
    monkeypatch.setattr("sys.argv", ["search.status", "--storage", str(s3)])
    assert status.main() == 0
    home = (s3 / "mine").root.partition("/")[2]
    contents = {key: data for key, data in server.contents().items() if key.startswith(home)}
    names = {key.removeprefix(f"{home}/") for key in contents}
    export = {f"exports/hv_from_ds.random.stl/{name}" for name in ("config.json", "README.md", "checksums.json")}
    assert export | {"campaign.json", "plan.toml", "splits/hv_from_ds.random.parquet"} <= names
    shown = "".join(capsys.readouterr())
    assert f"campaign folder: {s3}/mine" in shown
    assert SECRET not in shown
    assert not any(SECRET.encode() in data for data in contents.values())
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlartifacts"}


def newest_checkpoints(events):
    """Of the trials that have not ended."""
    ended = {(event.study, event.number) for event in ends_of(events)}
    found = {}
    for event in events:
        if isinstance(event, TrialAsked | EpochReported) and (event.study, event.number) not in ended:
            found[event.study, event.number] = event.checkpoint
    return found

"""One driver at a time: a free or stale lease goes to exactly one of those that want it, and no other writes on."""

import dataclasses
import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from gear.errors import StorageError
from search.campaign.events import TrialEnded
from search.storage import lease, retry, s3_create
from search.storage.campaign_store import CampaignStore, read_events
from search.storage.lease import Holder, Lease, read_lease
from search.storage.local import LocalPath
from tests.support.s3_server import BUCKET

ENDED = TrialEnded("s", 0, "complete", "last epoch", 0.5, 1)


@pytest.fixture
def folder(storage):
    return storage / "quick-1"


def create(folder):
    return CampaignStore.create(folder, {"plan": {}}, "")


def write_lease(folder, number=1, **changes):
    """A lease of a driver on another host, which is alive unless `changes` say otherwise."""
    now = time.time()
    holder = dataclasses.asdict(Holder("another", "elsewhere", 1, now, now)) | changes
    (folder / f"lease/{number:06d}.json").write_text(json.dumps(holder))


def race(folder, drivers=2):
    """Drivers that want a folder at the same moment: the leases that were had, and why the others were not."""
    start, had, refused = threading.Barrier(drivers), [], []

    def drive():
        start.wait()
        try:
            had.append(Lease(folder))
        except StorageError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=drive) for _ in range(drivers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return had, refused


@pytest.mark.parametrize("races", [30, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stale", [False, True])
def test_exactly_one_of_two_drivers_gets_a_lease(storage, stale, races):
    for n in range(races):
        folder = storage / str(n)
        if stale:
            write_lease(folder, heartbeat=0.0)
        (winner,), (refusal,) = race(folder)
        assert winner.held
        assert "in use by process" in refusal or "just taken by another driver" in refusal
        winner.release()
        assert read_lease(folder) is None


def test_a_driver_that_looked_before_the_lease_changed_hands_and_was_given_back_does_not_get_it(folder, monkeypatch):
    write_lease(folder, heartbeat=0.0)
    looked = lease._newest(folder)
    Lease(folder).release()
    Lease(folder).release()
    answers = iter([looked])
    newest = lease._newest
    monkeypatch.setattr(lease, "_newest", lambda folder: next(answers, None) or newest(folder))
    with pytest.raises(StorageError, match="just taken by another driver"):
        Lease(folder)
    assert [file.name for file in (folder / "lease").glob("*")] == ["000003.json"]


def test_a_new_campaign_is_not_begun_where_another_driver_has_just_begun_it(folder, monkeypatch):
    with create(folder):
        pass
    exists = type(folder).exists
    monkeypatch.setattr(type(folder), "exists", lambda place: place != folder and exists(place))
    with pytest.raises(StorageError, match="exists: give another --name"):
        create(folder)
    assert read_lease(folder) is None


def test_a_second_driver_is_refused_and_the_error_names_the_first(folder):
    with create(folder), pytest.raises(StorageError, match=f"in use by process {os.getpid()}"):
        CampaignStore.resume(folder)
    CampaignStore.resume(folder).__exit__()


def test_the_lease_of_a_dead_process_is_taken_over(folder):
    create(folder).__exit__()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    write_lease(folder, number=2, host=socket.gethostname(), pid=int(dead.stdout))
    CampaignStore.resume(folder).__exit__()


@pytest.mark.parametrize(("age", "free"), [(10, False), (1000, True)])
def test_the_lease_of_another_host_holds_until_its_heartbeat_is_old(folder, age, free):
    create(folder).__exit__()
    write_lease(folder, number=2, heartbeat=time.time() - age)
    if free:
        CampaignStore.resume(folder).__exit__()
    else:
        with pytest.raises(StorageError, match="on elsewhere"):
            CampaignStore.resume(folder)


def test_a_driver_whose_lease_was_taken_over_stops_writing_and_leaves_the_new_lease_alone(folder):
    with create(folder) as store:
        write_lease(folder, number=2)
        with pytest.raises(StorageError, match="another driver has taken over"):
            store.append(ENDED)
    assert list(read_events(folder)) == []
    assert read_lease(folder).token == "another"


def test_where_a_store_ignores_the_condition_the_first_writer_stops(folder):
    with create(folder) as store:
        write_lease(folder, number=1)
        with pytest.raises(StorageError, match="another driver has taken over"):
            store.append(ENDED)


def test_a_heartbeat_renews_the_lease_and_ends_once_another_driver_has_it(folder, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.01)
    mine = Lease(folder)
    first = read_lease(folder).heartbeat
    deadline = time.monotonic() + 60
    while read_lease(folder).heartbeat == first:
        assert time.monotonic() < deadline
    write_lease(folder, number=2)
    mine._thread.join(60)
    assert not mine._thread.is_alive()
    assert not mine.held


def test_a_folder_that_is_away_is_not_taken_for_one_that_was_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 0.1)
    folder = LocalPath(tmp_path / "quick-1")
    with create(folder) as store:
        folder.path.rename(tmp_path / "away")
        with pytest.raises(StorageError, match=r"cannot write events of .*: the lease in .* is gone"):
            store.append(ENDED)
        (tmp_path / "away").rename(folder.path)
        store.append(ENDED)


def test_a_file_is_created_once_and_not_replaced(storage):
    (storage / "file").create(b"first")
    with pytest.raises(FileExistsError):
        (storage / "file").create(b"second")
    assert (storage / "file").read_bytes() == b"first"
    assert len(storage.glob("*")) == 1


def test_a_creation_whose_answer_was_lost_has_succeeded(storage, server, monkeypatch):
    """NFS and S3 then repeat the request and find the file there."""

    def link(source, target, link=os.link):
        link(source, target)
        raise FileExistsError(errno.EEXIST, "exists")

    if isinstance(storage, LocalPath):
        monkeypatch.setattr(os, "link", link)
    else:
        server.refusals = 1
    (storage / "file").create(b"content")
    assert (storage / "file").read_bytes() == b"content"


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_creates_a_file_once_too(tmp_path, monkeypatch, code):
    def link(source, target):
        raise OSError(code, "no hard links here")

    monkeypatch.setattr(os, "link", link)
    test_a_file_is_created_once_and_not_replaced(LocalPath(tmp_path))


def test_without_boto3_a_driver_on_s3_is_refused_in_a_line_that_names_the_extra(s3, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(StorageError, match=r"needs boto3: pip install .* '\.\[cluster\]'"):
        s3.check_writable()


@pytest.mark.parametrize(
    ("endpoint", "key", "says"),
    [("http://127.0.0.1:1", "fakekey", "nothing answers at"), (None, "another", "AccessDenied in PutObject")],
)
def test_a_creation_that_fails_is_one_line_without_a_secret(s3, monkeypatch, endpoint, key, says):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    s3_create._client.cache_clear()
    place = s3 if endpoint is None else dataclasses.replace(s3, endpoint=endpoint)
    with pytest.raises(StorageError, match=says) as error:
        (place / "file").create(b"")
    assert BUCKET in str(error.value)
    assert "secret" not in str(error.value)

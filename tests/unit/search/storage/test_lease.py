"""One driver at a time: a free or stale lease goes to exactly one of those that want it, and no other writes on."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from gear.errors import StorageError
from search.campaign.events import EpochReported, TrialEnded
from search.storage import lease, process_identity, retry, s3_create
from search.storage.campaign_store import CampaignStore, read_events
from search.storage.lease import Lease, read_lease
from search.storage.local import LocalPath
from search.storage.process_identity import this_process
from tests.support.s3_server import BUCKET

ENDED = TrialEnded("s", 0, "complete", "last epoch", 0.5, 1)


@pytest.fixture
def folder(storage):
    return storage / "quick-1"


def create(folder):
    return CampaignStore.create(folder, {"plan": {}}, "")


def write_lease(folder, number=1, **changes):
    """A lease of a driver on another host, which is alive unless it is made old."""
    holder = {"token": "another", "host": "elsewhere", "pid": 1, "since": time.time(), "heartbeat": 0.0, "lines": 0}
    file = folder / f"lease/{number:06d}.json"
    file.write_text(json.dumps(holder | changes))
    return file


@pytest.fixture(autouse=True)
def short_watch(monkeypatch):
    monkeypatch.setattr(lease, "WATCH_SECONDS", 0.02)


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
def test_exactly_one_of_two_drivers_gets_a_lease(storage, stale, races, make_old):
    for n in range(races):
        folder = storage / str(n)
        if stale:
            make_old(write_lease(folder))
        (winner,), (refusal,) = race(folder)
        assert winner.held
        assert "in use by process" in refusal or "just taken by another driver" in refusal
        winner.release()
        assert read_lease(folder) is None


def test_a_driver_that_looked_before_the_lease_changed_hands_and_was_given_back_does_not_get_it(
    folder, monkeypatch, make_old
):
    make_old(write_lease(folder))
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
    script = (
        "from dataclasses import asdict; from search.storage.process_identity import this_process as me; import json"
    )
    dead = subprocess.run(
        [sys.executable, "-c", f"{script}; print(json.dumps(asdict(me())))"], capture_output=True, check=True
    )
    write_lease(folder, number=2, **json.loads(dead.stdout))
    CampaignStore.resume(folder).__exit__()


@pytest.mark.parametrize("free", [False, True])
def test_the_lease_of_another_host_holds_until_its_heartbeat_is_old(folder, free, make_old):
    create(folder).__exit__()
    file = write_lease(folder, number=2)
    if free:
        make_old(file)
        CampaignStore.resume(folder).__exit__()
    else:
        with pytest.raises(StorageError, match="on elsewhere"):
            CampaignStore.resume(folder)


def mine(**changes):
    """The lease of this very process."""
    return dataclasses.asdict(this_process()) | changes


@pytest.mark.parametrize("changes", [{"namespace": "pid:[1]"}, {"boot": "another"}, {"namespace": "", "boot": ""}])
def test_a_process_of_another_namespace_or_machine_is_not_taken_for_dead(folder, changes):
    """Two containers may have one host name, and none of the processes of the other is to be seen."""
    create(folder).__exit__()
    write_lease(folder, number=2, **mine(pid=2**22 + 1, start="1", **changes))
    with pytest.raises(StorageError, match="in use by process 4194305"):
        CampaignStore.resume(folder)
    assert read_lease(folder).alive


def test_another_process_with_the_number_of_a_dead_one_does_not_keep_its_lease(folder):
    create(folder).__exit__()
    write_lease(folder, number=2, **mine(start="1"))
    assert not read_lease(folder).alive
    CampaignStore.resume(folder).__exit__()


@pytest.mark.parametrize("hidden", ["stat", "namespace"])
def test_a_process_that_the_system_hides_is_not_taken_for_dead(hidden, monkeypatch):
    """Another user's, where /proc is mounted so, or any where /proc shows another namespace."""
    me, stranger = this_process(), dataclasses.replace(this_process(), pid=1, start="1")
    assert me.start
    assert stranger.gone
    if hidden == "stat":
        monkeypatch.setattr(process_identity, "_state_and_start", lambda pid: None if pid == 1 else ("S", me.start))
    else:
        monkeypatch.setattr(os, "readlink", lambda path, read=os.readlink: "1" if path.name == "self" else read(path))
    assert not stranger.gone


def test_a_process_that_only_waits_to_be_reaped_is_gone():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert dataclasses.replace(this_process(), pid=child.pid).gone
    child.wait()


@pytest.mark.parametrize("ahead", [91.0, -91.0, 10_000.0])
def test_a_clock_that_is_wrong_takes_no_lease(folder, ahead, monkeypatch):
    create(folder).__exit__()
    write_lease(folder, number=2)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    with pytest.raises(StorageError, match="in use by process 1 on elsewhere"):
        CampaignStore.resume(folder)


@pytest.mark.parametrize("ahead", [91.0, -91.0, 10_000.0])
def test_whoever_looks_judges_a_driver_by_the_clock_of_the_storage(folder, ahead, make_old, monkeypatch):
    create(folder).__exit__()
    began = time.time() - 50.0
    file = write_lease(folder, number=2, since=began, heartbeat=began + 45.0)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    holder = read_lease(folder)
    assert holder.alive
    assert 45.0 <= holder.drove + holder.age < 60.0
    make_old(file)
    assert not read_lease(folder).alive
    assert not folder.glob(".clock*")


def test_where_a_folder_may_only_be_read_the_clock_of_the_reader_serves(folder, monkeypatch):
    create(folder).__exit__()
    write_lease(folder, number=2)

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(folder), "write_bytes", refuse)
    assert read_lease(folder).alive


@pytest.mark.parametrize("age", [91.0, -91.0])
def test_a_lease_that_changes_while_it_is_watched_is_not_stale(tmp_path, age, monkeypatch, caplog):
    """Whatever the clock of the storage says, which may have been set meanwhile."""
    folder = LocalPath(tmp_path / "c")
    create(folder).__exit__()
    file = write_lease(folder, number=2)
    os.utime(file.path, (time.time() - age,) * 2)
    monkeypatch.setattr(lease, "WATCH_SECONDS", 5.0)
    monkeypatch.setattr(time, "sleep", lambda _: write_lease(folder, number=2, heartbeat=1.0))
    with pytest.raises(StorageError, match="in use by process 1 on elsewhere"):
        CampaignStore.resume(folder)
    assert "whether process 1 on elsewhere still drives" in caplog.text


@pytest.fixture
def sleep_through(monkeypatch):
    """As if this process had been stopped for some seconds."""
    read, slept = time.clock_gettime, [0.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + slept[0])

    def stop(seconds):
        slept[0] += seconds

    return stop


def test_a_driver_that_goes_on_after_it_was_stopped_writes_not_even_an_epoch(folder, sleep_through):
    epoch = EpochReported("s", 0, 0, 1, {})
    with create(folder) as store:
        store.append(epoch)
        write_lease(folder, number=2)
        sleep_through(100)
        with pytest.raises(StorageError, match="another driver has taken over"):
            store.append(epoch)
    assert list(read_events(folder)) == [epoch]


def test_a_driver_that_was_stopped_within_a_write_is_not_heard(folder, monkeypatch):
    """What it writes after its look at the lease does not count once the next driver has written."""
    first, last, epoch = ENDED, dataclasses.replace(ENDED, number=1), EpochReported("s", 0, 0, 1, {})
    old = create(folder)
    old.append(first)
    monkeypatch.setattr(old._lease, "check", lambda now: None)
    with monkeypatch.context() as patch:
        patch.setattr(lease, "_is_stale", lambda *_: True)
        new = CampaignStore.resume(folder)
    for _ in range(9):
        old.append(epoch)
    old.append(dataclasses.replace(ENDED, number=2))
    with new:
        assert list(new.events()) == [first]
        new.append(last)
        assert list(new.events()) == [first, last]
    old.__exit__()
    assert list(read_events(folder)) == [first, last]


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
    file = folder / "lease/000001.json"
    first = file.read_text()
    deadline = time.monotonic() + 60
    while file.read_text() == first:
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

"""The campaign folder: what was written is read back, a torn line is left out, one driver at a time."""

import itertools
import json
import threading

import pytest

from gear.errors import StorageError
from search.campaign.events import AttemptLost, EpochReported, StudyFinished, TrialAsked, TrialEnded, decode, encode
from search.storage import retry
from search.storage.append_log import AppendedLog, RewrittenLog
from search.storage.campaign_store import (
    CampaignStore,
    is_taken,
    newest_campaign,
    next_name,
    read_campaign,
    read_events,
)
from search.storage.event_log import make_line
from search.storage.lease import Lease
from search.storage.local import LocalPath

ASKED = TrialAsked("s", 0, 0, {"x": 1.5}, {"x": "{}"}, {"seed": 3})
EPOCH = EpochReported("s", 0, 0, 1, {"best_validation_rmse": 0.5}, "checkpoints/s/0000/attempt-0/epoch-1")
ENDED = TrialEnded("s", 0, "complete", "last epoch", 0.5, 1)


@pytest.fixture
def folder(storage):
    return storage / "quick-1"


def create(folder):
    return CampaignStore.create(folder, {"plan": {}}, "")


@pytest.mark.parametrize(
    "event",
    [ASKED, EPOCH, AttemptLost("s", 0, 0, "gone"), ENDED, StudyFinished("s", 0, 0.5, 1, {"rmse": 0.6}, "a", "b")],
)
def test_an_event_survives_json(event):
    assert decode(json.loads(json.dumps(encode(event)))) == event


def test_events_are_read_in_the_order_they_were_written_over_several_launches(folder):
    with create(folder) as store:
        store.append(ASKED)
    with CampaignStore.resume(folder) as store:
        store.append(EPOCH, ENDED)
        assert list(store.events()) == [ASKED, EPOCH, ENDED]
    assert len((folder / "events").glob("*")) == 2


def test_a_long_launch_writes_several_segments(folder, monkeypatch):
    for kind in (AppendedLog, RewrittenLog):
        monkeypatch.setattr(kind, "max_lines", 2)
    with create(folder) as store:
        for _ in range(5):
            store.append(EPOCH)
    assert list(read_events(folder)) == [EPOCH] * 5
    assert [file.name for file in (folder / "events").glob("*")] == [f"00000{n}.jsonl" for n in (1, 2, 3)]


@pytest.mark.parametrize("cut", [1, 10, -1])
def test_a_line_that_was_being_written_is_left_out_with_all_its_events(folder, cut):
    with create(folder) as store:
        store.append(ASKED)
    segment = folder / "events/000001.jsonl"
    segment.write_bytes(segment.read_bytes() + make_line(2, 1, [encode(EPOCH), encode(ENDED)]).rstrip()[:cut])
    with CampaignStore.resume(folder) as store:
        assert list(store.events()) == [ASKED]
        store.append(ENDED)
        assert list(store.events()) == [ASKED, ENDED]


def test_damage_before_the_last_line_is_named(folder):
    with create(folder) as store:
        store.append(ASKED)
        store.append(ENDED)
        segment = folder / "events/000001.jsonl"
        segment.write_text(segment.read_text().replace("TrialAsked", "TrialAskee", 1))
        with pytest.raises(
            StorageError, match=r"000001\.jsonl, line 1: the line is damaged.*gear-search repair quick-1"
        ):
            list(store.events())


def test_an_existing_campaign_is_not_created_again(folder):
    create(folder).__exit__()
    with pytest.raises(StorageError, match=r"exists: give another --name, or --resume"):
        create(folder)


def test_a_folder_whose_driver_was_killed_as_it_began_is_not_taken(folder):
    assert not is_taken(folder)
    Lease(folder).release()
    (folder / "plan.toml").write_text("")
    assert not is_taken(folder)
    assert next_name(folder.parent, "quick") == "quick-1"
    create(folder).__exit__()
    assert is_taken(folder)
    assert next_name(folder.parent, "quick") == "quick-2"


def test_a_folder_with_files_of_somebody_is_taken(folder):
    (folder / "notes.txt").write_text("mine")
    assert is_taken(folder)
    with pytest.raises(StorageError, match="exists: give another --name"):
        create(folder)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write campaign folder"):
        create(LocalPath(tmp_path / "file/quick-1"))


def test_what_is_no_campaign_is_not_resumed(storage):
    with pytest.raises(StorageError, match="no campaign in"):
        CampaignStore.resume(storage)


def test_a_campaign_of_another_format_is_left_alone(folder):
    create(folder).__exit__()
    head = json.loads((folder / "campaign.json").read_text())
    (folder / "campaign.json").write_text(json.dumps(head | {"format": 99}))
    with pytest.raises(StorageError, match="another version"):
        read_campaign(folder)


def test_what_is_read_is_never_half_of_what_is_written_meanwhile(storage):
    """A lease that is cut off would look like nobody's."""
    file, done = storage / "lease/000001.json", threading.Event()

    def write():
        for beat in itertools.count():
            file.write_text(json.dumps({"beat": beat, "more": "x" * (beat % 2 * 9)}))
            if done.wait(0.05):  # longer than a read takes on a busy machine
                return

    file.write_text("{}")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(isinstance(json.loads(file.read_text()), dict) for _ in range(60))
    finally:
        done.set()
        writer.join()


def test_the_newest_campaign_is_the_one_driven_last(storage, make_old):
    for name in ("quick-1", "quick-2"):
        create(storage / name).__exit__()
    make_old(storage / "quick-2/campaign.json")
    assert newest_campaign(storage) == "quick-1"
    with pytest.raises(StorageError, match="no campaign in"):
        newest_campaign(storage / "quick-1")


def test_the_default_name_counts(storage):
    assert next_name(storage, "quick") == "quick-1"
    create(storage / "quick-1").__exit__()
    assert next_name(storage, "quick") == "quick-2"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(retry, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0.01)


def test_storage_that_is_away_for_a_while_costs_no_event_and_doubles_none(folder, refuse, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE_SECONDS", 0.01)
    with create(folder) as store:
        store.append(ASKED)
        refuse(5)
        store.append(ENDED)
        store.append(EPOCH)
    assert list(read_events(folder)) == [ASKED, ENDED, EPOCH]


def test_storage_that_stays_away_ends_the_search_with_its_reason(folder, refuse, impatient):
    with create(folder) as store:
        refuse(1000)
        with pytest.raises(StorageError, match=r"cannot write events of .*: (the share is away|.*ServiceUnavailable)"):
            store.append(ASKED)
        refuse(0)

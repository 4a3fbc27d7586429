"""A campaign is where its folder lies: a copy is another campaign, and the original knows nothing of it."""

import json
import shutil
from pathlib import Path

import pytest

from search.plan.plan_file import plan_from_dict
from search.storage.campaign_store import CampaignStore, read_campaign
from search.storage.local import LocalPath
from search.storage.relocation import relocated

CREATED = "2026-01-01T00:00:00+00:00"
EARLIER = Path(__file__).parents[3] / "campaigns" / "format2"


@pytest.fixture
def original(storage):
    head = {"plan": {"name": "quick-1", "preset": "quick"}, "created": CREATED}
    CampaignStore.create(storage / "quick-1", head, "").__exit__()
    return storage / "quick-1"


def copy(original, to):
    for name in ("campaign.json", "plan.toml"):
        (to / name).write_bytes((original / name).read_bytes())
    return to


def resume(folder):
    """What a launch does: the changes, and they are written."""
    head, changes = relocated(folder)
    with CampaignStore.resume(folder) as store:
        store.update(head, "")
    return head, changes


def test_a_campaign_that_stayed_where_it_was_is_not_changed(original):
    before = (original / "campaign.json").read_text()
    assert resume(original)[1] == []
    assert (original / "campaign.json").read_text() == before


def test_a_copy_under_another_name_goes_by_its_own_name_and_says_so_once(original, storage):
    before = (original / "campaign.json").read_text()
    other = copy(original, storage / "other")
    assert read_campaign(other)["plan"]["name"] == "other"
    head, (renamed, copied) = resume(other)
    assert renamed == f"{other} was recorded as campaign quick-1: it goes on as campaign other"
    assert copied == f"{other} is a copy of {original.resolved()}: MLflow records it as a campaign of its own"
    assert head["plan"] == {"name": "other", "preset": "quick"}
    assert resume(other) == (head | {"place": str(other.resolved())}, [])
    assert (original / "campaign.json").read_text() == before


def test_a_copy_of_the_same_name_is_another_campaign_for_mlflow(original, storage):
    other = copy(original, storage / "more/quick-1")
    head, (copied,) = resume(other)
    assert copied.startswith(f"{other} is a copy of {original.resolved()}")
    assert head["created"] > CREATED
    assert relocated(other)[0]["created"] == head["created"]
    assert relocated(original)[0]["created"] == CREATED


def test_a_campaign_that_was_moved_stays_the_one_it_was(original, storage):
    moved = copy(original, storage / "more/quick-1")
    original.remove()
    head, changes = resume(moved)
    assert (head["created"], changes) == (CREATED, [])


def test_another_path_to_the_same_folder_is_no_copy(tmp_path):
    """As where a share is mounted twice; a symbolic link is resolved, so the recorded place has to be another path."""
    folder = LocalPath(tmp_path / "quick-1")
    CampaignStore.create(folder, {"plan": {"name": "quick-1"}, "created": CREATED}, "").__exit__()
    (tmp_path / "mount").symlink_to(tmp_path)
    head = json.loads((folder / "campaign.json").read_text())
    (folder / "campaign.json").write_text(json.dumps(head | {"place": str(tmp_path / "mount/quick-1")}))
    assert relocated(folder)[1] == []


def test_where_another_campaign_has_taken_the_old_place_nothing_was_copied(original, storage):
    moved = copy(original, storage / "more/quick-1")
    head = json.loads((original / "campaign.json").read_text())
    (original / "campaign.json").write_text(json.dumps(head | {"created": "2026-02-02T00:00:00+00:00"}))
    assert relocated(moved)[0]["created"] == CREATED


def test_an_earlier_campaign_records_its_place_when_it_is_resumed(tmp_path):
    folder = LocalPath(tmp_path / "copy")
    shutil.copytree(EARLIER, folder.path)
    recorded = json.loads((EARLIER / "campaign.json").read_text())
    head, (renamed,) = resume(folder)
    assert renamed.startswith(f"{folder} was recorded as campaign {recorded['plan']['name']}")
    assert head["created"] == recorded["created"]
    assert plan_from_dict(read_campaign(folder)["plan"]).name == "copy"
    assert json.loads((folder / "campaign.json").read_text())["place"] == str(tmp_path / "copy")

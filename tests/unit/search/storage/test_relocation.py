"""A campaign is where its folder lies: a copy is another campaign, and the original knows nothing of it."""

import json
import shutil
from pathlib import Path

import pytest

from search.plan.plan_file import plan_from_dict
from search.storage.campaign_store import CampaignStore, read_campaign
from search.storage.local import LocalPath
from search.storage.relocation import relocated, settle_copy

CREATED, ID = "2026-01-01T00:00:00+00:00", "0123456789abcdef"
EARLIER = Path(__file__).parents[3] / "campaigns" / "format2"


@pytest.fixture
def original(storage):
    head = {"id": ID, "plan": {"name": "quick-1", "preset": "quick"}, "created": CREATED}
    CampaignStore.create(storage / "quick-1", head, "").__exit__()
    return storage / "quick-1"


def copy(original, to):
    for name in ("campaign.json", "plan.toml", *(f"lease/{file.name}" for file in (original / "lease").glob("*"))):
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
    assert (head["id"] != ID, head["created"] > CREATED) == (True, True)
    assert relocated(other)[0]["id"] == head["id"]
    assert relocated(original)[0]["id"] == ID
    third = resume(copy(other, storage / "third"))[0]
    assert len({third["id"], head["id"], ID}) == 3


def test_a_campaign_that_was_moved_stays_the_one_it_was(original, storage):
    moved = copy(original, storage / "more/quick-1")
    original.remove()
    head, changes = resume(moved)
    assert (head["id"], head["created"], changes) == (ID, CREATED, [])


def test_a_campaign_that_was_renamed_is_the_same_under_its_new_name(original, storage):
    renamed = copy(original, storage / "better")
    original.remove()
    head, (line,) = resume(renamed)
    assert (head["id"], head["plan"]["name"]) == (ID, "better")
    assert line.endswith("was recorded as campaign quick-1: it goes on as campaign better")


def test_a_copy_is_settled_before_it_is_recorded_and_nothing_else_is(original, storage):
    other, said = copy(original, storage / "other"), []
    settle_copy(original, said.append)
    assert said == []
    settle_copy(other, said.append)
    assert said[-1].startswith(f"{other} is a copy of")
    settled = read_campaign(other)["id"]
    settle_copy(other, pytest.fail)
    assert read_campaign(other)["id"] == settled != read_campaign(original)["id"]


def test_another_path_to_the_same_folder_is_no_copy(tmp_path):
    """As where a share is mounted twice; a symbolic link is resolved, so the recorded place has to be another path."""
    folder = LocalPath(tmp_path / "quick-1")
    CampaignStore.create(folder, {"id": ID, "plan": {"name": "quick-1"}, "created": CREATED}, "").__exit__()
    (tmp_path / "mount").symlink_to(tmp_path)
    head = json.loads((folder / "campaign.json").read_text())
    (folder / "campaign.json").write_text(json.dumps(head | {"place": str(tmp_path / "mount/quick-1")}))
    assert relocated(folder)[1] == []


def test_where_another_campaign_has_taken_the_old_place_nothing_was_copied(original, storage):
    moved = copy(original, storage / "more/quick-1")
    head = json.loads((original / "campaign.json").read_text())
    (original / "campaign.json").write_text(json.dumps(head | {"id": "another"}))
    assert relocated(moved)[0]["id"] == ID


def test_an_earlier_campaign_records_its_place_when_it_is_resumed(tmp_path):
    folder = LocalPath(tmp_path / "copy")
    shutil.copytree(EARLIER, folder.path)
    recorded = json.loads((EARLIER / "campaign.json").read_text())
    head, (renamed,) = resume(folder)
    assert renamed.startswith(f"{folder} was recorded as campaign {recorded['plan']['name']}")
    assert (head["created"], len(head["id"]), "id" in recorded) == (recorded["created"], 16, False)
    assert resume(folder)[0]["id"] == head["id"]
    assert plan_from_dict(read_campaign(folder)["plan"]).name == "copy"
    assert json.loads((folder / "campaign.json").read_text())["place"] == str(tmp_path / "copy")


def test_a_copy_of_an_earlier_campaign_is_told_from_it_by_the_time_when_it_was_begun(tmp_path):
    for name in ("first", "second"):
        shutil.copytree(EARLIER, tmp_path / name)
    first, second = LocalPath(tmp_path / "first"), LocalPath(tmp_path / "second")
    resume(first)
    recorded = json.loads((second / "campaign.json").read_text())
    (second / "campaign.json").write_text(json.dumps(recorded | {"place": str(first)}))
    head, (_, copied) = resume(second)
    assert copied.startswith(f"{second} is a copy of {first}")
    assert head["id"] != read_campaign(first)["id"]


@pytest.mark.parametrize("original_is_there", [True, False])
def test_a_users_files_that_were_moved_or_copied_with_the_campaign_are_read_beside_it(original_is_there, tmp_path):
    project, other = tmp_path / "project", tmp_path / "elsewhere/project"
    files = {name: project / name for name in ("data/mine.csv", "weights.safetensors")}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("smiles,value\n")
    away = tmp_path / "shared.csv"
    away.touch()
    task = {"property": "mine", "file": str(files["data/mine.csv"])}
    pair = {"target": task, "sources": [{"property": "hv", "file": None}, {"property": "x", "file": str(away)}]}
    plan = {
        "name": "q",
        "pairs": ["hv_from_ds", pair],
        "config": {"embedding": {"pretrained": str(files["weights.safetensors"])}},
    }
    CampaignStore.create(
        LocalPath(project / "campaigns/q"), {"id": ID, "plan": plan, "created": CREATED}, ""
    ).__exit__()
    shutil.copytree(project, other)
    if not original_is_there:
        shutil.rmtree(project)
    folder = LocalPath(other / "campaigns/q")
    found = read_campaign(folder)["plan"]
    assert found["pairs"][1]["target"]["file"] == str(other / "data/mine.csv")
    assert found["pairs"][1]["sources"] == pair["sources"]
    assert found["config"]["embedding"]["pretrained"] == str(other / "weights.safetensors")
    head, changes = resume(folder)
    assert head["plan"] == found
    assert f"{files['data/mine.csv']} is read from {other}/data/mine.csv, beside {folder}" in changes
    assert resume(folder)[1] == []

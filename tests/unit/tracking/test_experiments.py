"""A campaign's experiment is found by the campaign's id, whatever else has its name or began in the same second."""

import pytest

from gear.errors import StorageError
from tests.support.mlflow_story import check_whole, record, runs, story
from tracking.experiments import find_experiment, open_experiment
from tracking.identity import CREATED, ID, CampaignIdentity
from tracking.recording import run_writer
from tracking.recording.recorder import Recorder

NOW = "2026-01-01T00:00:00+00:00"
FIRST, SECOND = (CampaignIdentity("quick-1", number * 16, NOW) for number in ("1", "2"))


def experiments(client):
    return {found.name: found.tags.get(ID) for found in client.search_experiments() if found.name != "Default"}


def test_two_campaigns_of_one_name_begun_in_one_second_are_both_recorded(uri, client):
    record(uri, *story(), id=FIRST.id, created=NOW)
    record(uri, *list(story())[:5], id=SECOND.id, created=NOW)
    assert experiments(client) == {"quick-1": FIRST.id, f"quick-1 {SECOND.id}": SECOND.id}
    check_whole(client)
    assert len(runs(client, f"quick-1 {SECOND.id}")) == 2
    record(uri, history=story(), id=SECOND.id, created=NOW)
    check_whole(client, f"quick-1 {SECOND.id}")
    assert len(experiments(client)) == 2


def test_drivers_that_make_their_experiment_in_the_same_moment_get_one_each(uri, client, monkeypatch):
    """Each sees that there is none of its name, and the first to ask gets the name."""
    make, first = client.create_experiment, iter([True])

    def overtaken(name, *more):
        if next(first, False):
            open_experiment(type(client)(uri), uri, FIRST)
        return make(name, *more)

    monkeypatch.setattr(client, "create_experiment", overtaken)
    open_experiment(client, uri, SECOND)
    assert experiments(client) == {"quick-1": FIRST.id, f"quick-1 {SECOND.id}": SECOND.id}


def test_a_renamed_campaign_goes_on_in_its_experiment_which_is_renamed(uri, client):
    told = list(story())
    record(uri, *told[:5], id=FIRST.id, created=NOW)
    record(uri, *told[5:], history=told[:5], campaign="better", id=FIRST.id, created=NOW)
    assert experiments(client) == {"better": FIRST.id}
    check_whole(client, "better")


def test_a_renamed_campaign_leaves_the_experiment_of_another_that_has_its_new_name(uri, client):
    record(uri, *story(), campaign="better", id=SECOND.id, created=NOW)
    record(uri, *story(), id=FIRST.id, created=NOW)
    record(uri, history=story(), campaign="better", id=FIRST.id, created=NOW)
    assert experiments(client) == {"better": SECOND.id, "quick-1": FIRST.id}


def test_an_experiment_of_an_earlier_version_is_found_by_name_and_time_and_gets_the_id(uri, client):
    told = list(story())
    record(uri, *told[:5], created=NOW)
    assert experiments(client) == {"quick-1": None}
    record(uri, *told[5:], history=told[:5], id=FIRST.id, created=NOW)
    assert experiments(client) == {"quick-1": FIRST.id}
    check_whole(client)
    record(uri, *told[:5], id=SECOND.id, created=NOW)  # a copy that has an id of its own
    assert experiments(client) == {"quick-1": FIRST.id, f"quick-1 {SECOND.id}": SECOND.id}


def test_the_second_campaign_of_a_name_of_an_earlier_version_is_found_under_its_name_and_time(uri, client):
    client.create_experiment("quick-1", tags={CREATED: "2025-01-01T00:00:00+00:00"})
    own = client.create_experiment(f"quick-1 {NOW}", tags={CREATED: NOW})
    assert find_experiment(client, CampaignIdentity("quick-1", created=NOW)).experiment_id == own
    assert open_experiment(client, uri, FIRST) == own
    assert experiments(client) == {"quick-1": None, f"quick-1 {NOW}": FIRST.id}


def test_a_deleted_experiment_of_another_campaign_is_in_nobodys_way(uri, client):
    client.delete_experiment(open_experiment(client, uri, FIRST))
    with pytest.raises(StorageError, match="mlflow experiments restore -x"):
        Recorder(uri, FIRST)
    open_experiment(client, uri, SECOND)
    assert experiments(client) == {f"quick-1 {SECOND.id}": SECOND.id}


def test_what_is_not_recorded_is_not_found(uri, client):
    record(uri, *story(), id=FIRST.id, created=NOW)
    for other in (SECOND, CampaignIdentity("quick-1", created=NOW), CampaignIdentity("other", "3" * 16, NOW)):
        assert find_experiment(client, other) is None
    assert run_writer.RunWriter(client, uri, FIRST)._runs

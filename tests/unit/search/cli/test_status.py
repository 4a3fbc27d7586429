"""A campaign seen from another terminal: running, interrupted, finished."""

import dataclasses
import os

import pytest

from gear.errors import StorageError
from search.campaign.events import StudyFinished, TrialEnded
from search.cli import status
from search.launch.campaign_result import load_campaign
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.campaign_store import CampaignStore
from search.storage.snapshot import take_snapshot
from tests.support.fake_training import BrokenRun, FakeRun, Simulation, small_plan

HEAD = {"data": {"hv_from_ds.random": {"unit": "kJ/mol"}}}


@pytest.fixture
def show(storage, monkeypatch, capsys):
    """What the command prints."""

    def command(*flags):
        monkeypatch.setattr("sys.argv", ["search.cli.status", "--storage", str(storage), *flags])
        code = status.main()
        return code, *capsys.readouterr()

    return command


def written(storage, turns=10_000, factory=FakeRun, plan=None):
    """A campaign folder, open, after some turns of its trials."""
    plan = plan or small_plan()
    store = CampaignStore.create(storage / "test", {**HEAD, "plan": plan_to_dict(plan)}, plan_to_toml(plan))
    simulation = Simulation(plan, factory=factory)
    simulation.run(turns)
    for step in simulation.steps:
        store.append(*step)
    return store, simulation


def record_tests(store, simulation):
    """Record a test of every winner."""
    scores = {"rmse": 0.5, "rmse_units": 5.0}
    for study in simulation.campaign.studies.values():
        store.append(StudyFinished(study.name, study.best.number, study.best.value, 1, scores))


def record_exports(store, simulation):
    """What stands for an export of every winner."""
    for study in simulation.campaign.studies.values():
        with store.export(study.name) as to:
            to.mkdir(parents=True)


def files(folder):
    """The files of a campaign folder with their content, except that of leases: the driver goes on writing it."""
    found = {str(file): file.read_bytes() for file in (*folder.glob("*.*"), *(folder / "events").glob("*"))}
    return found | {str(file): b"" for file in (folder / "lease").glob("*")}


def test_a_running_campaign_shows_its_studies_and_who_drives_it(storage, show):
    store, simulation = written(storage, turns=40)
    with store:
        code, out, _ = show("test")
    ended = sum(isinstance(event, TrialEnded) for event in simulation.events)
    assert code == 0
    assert f"run by process {os.getpid()} on" in out
    assert f"test: {ended} of 16 trials, {len(simulation.running)} running" in out
    assert "hv_from_ds.random.gear" in out


def test_an_interrupted_campaign_tells_how_to_go_on(storage, show):
    store, _ = written(storage, turns=40)
    store.__exit__()
    _, out, _ = show()
    assert f"no process runs it; resume it with: gear-search run --resume --name test --storage {storage}" in out
    assert "interrupted" in out


def test_a_driver_that_died_is_told_from_one_that_lives(storage, show, monkeypatch):
    store, _ = written(storage, turns=40)
    with store:
        monkeypatch.setattr("search.storage.lease.STALE_SECONDS", -1.0)
        _, out, _ = show()
    assert f"its driver, process {os.getpid()} on" in out
    assert "was last heard of" in out


def test_a_finished_campaign_shows_its_leaderboard_and_is_not_watched_on(storage, show):
    store, simulation = written(storage)
    record_tests(store, simulation)
    record_exports(store, simulation)
    store.__exit__()
    _, out, _ = show("test", "--watch")
    best = simulation.campaign.studies["hv_from_ds.random.gear"].best
    assert out.startswith("finished\n")
    assert "winners, chosen on validation" in out
    assert f"{best.value:.4f}" in out


def test_a_campaign_is_not_finished_before_its_winners_are_tested_and_exported(storage, show):
    store, simulation = written(storage)
    resume = f"resume it with: gear-search run --resume --name test --storage {storage}\n"

    def seen():
        store.__exit__()
        return load_campaign("test", str(storage)).outcome, show("test", "--watch")[1].split("\n")[0] + "\n"

    assert seen() == ("interrupted", f"no process runs it, and 2 winners are not tested yet; {resume}")
    with CampaignStore.resume(store.folder) as store:
        record_tests(store, simulation)
    assert seen() == ("interrupted", f"no process runs it, and 2 results are not exported yet; {resume}")
    record_exports(store, simulation)
    assert seen() == ("done", "finished\n")


def test_a_campaign_is_not_finished_before_its_blend_is_chosen(storage, show):
    store, simulation = written(storage, plan=small_plan(final="blend"))
    with store:
        record_tests(store, simulation)
        record_exports(store, simulation)
        for study in simulation.campaign.studies.values():
            (store.folder / study.best.checkpoint / "state").write_text("")
    _, out, _ = show("test")
    assert out.startswith("no process runs it, and 1 blend is not tested yet; resume it with: ")


def test_looking_changes_nothing_and_asks_for_no_lease(storage, show):
    store, simulation = written(storage, turns=20)
    with store:
        before = files(storage / "test")
        assert len(before) > 3
        assert show("test")[0] == 0
        assert files(storage / "test") == before
        more = dataclasses.replace(simulation.events[0], number=99)
        store.append(more)  # the driver still has it
        assert [*store.events()] == [*simulation.events, more]


def test_a_line_being_written_is_not_seen_yet(storage):
    store, simulation = written(storage, turns=20)
    store.__exit__()
    segment = storage / "test/events/000001.jsonl"
    segment.write_bytes(segment.read_bytes() + b'[{"event":"TrialEn')
    seen = take_snapshot(storage / "test").campaign
    assert [study.trials for study in seen.studies.values()] == [
        study.trials for study in simulation.campaign.studies.values()
    ]


def test_why_trials_failed_is_told(storage, show):
    store, simulation = written(storage, factory=BrokenRun)
    store.__exit__()
    failed = sum(isinstance(event, TrialEnded) for event in simulation.events)
    _, out, _ = show()
    assert f"failed: {failed} x CUDA out of memory" in out


def test_no_campaign_is_one_line(storage, show):
    code, _, err = show()
    assert (code, err) == (2, f"error: no campaign in {storage}: start one with gear-search run\n")
    with pytest.raises(StorageError, match="no campaign in"):
        take_snapshot(storage / "gone")

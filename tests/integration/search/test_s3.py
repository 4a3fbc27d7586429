"""Campaigns whose storage is S3 alone, from their start to their end."""

import signal
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from search import run
from search.campaign.events import EpochReported, TrialAsked
from search.cli import status
from search.runtime import resources
from tests.support import fake_training
from tests.support.drive import drive
from tests.support.driver_checks import check_survived, count_lines, ends_of, events_of, start, wait_for
from tests.support.s3_server import SECRET


@pytest.fixture
def ray_folder(monkeypatch):
    """Where Ray keeps its logs; a short path, since its sockets lie there too."""
    with tempfile.TemporaryDirectory(prefix="gear-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


@pytest.mark.ray
def test_a_campaign_whose_driver_is_killed_goes_on_from_s3_alone(s3, server, ray_folder, monkeypatch):
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder, plan = s3 / "c", fake_training.small_plan(trials=3)
    driver = start(folder, 3)
    wait_for(lambda: count_lines(folder, "TrialEnded") >= 2 and count_lines(folder, "EpochReported") >= 20, driver)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    before = ends_of(events_of(folder))
    running = newest_checkpoints(events_of(folder))
    assert any(checkpoint is not None for checkpoint in running.values())
    campaign, outcome = drive(folder, fake_training.FakeRun, plan)
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
@pytest.mark.usefixtures("uri")
def test_a_whole_search_lives_on_s3_and_shows_no_secret(s3, server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resources, "machine_cpus", lambda: 2)
    flags = "--preset small --splits random --methods stl --trials 1 --epochs 1 --name mine"
    monkeypatch.setattr("sys.argv", ["search.run", *flags.split(), "--storage", str(s3)])
    assert run.main() == 0
    monkeypatch.setattr("sys.argv", ["search.cli.status", "--storage", str(s3)])
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

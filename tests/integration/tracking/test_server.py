"""A real MLflow server that goes away, comes back and loses answers: nothing is missing, nothing is there twice."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pytest
import requests

from tests.support.mlflow_server import free_port
from tests.support.mlflow_story import NAME, Driver, check_whole, story, wait_until
from tests.support.tiny_export import make_export
from tracking.client import open_client
from tracking.identity import CampaignIdentity
from tracking.recording.recorder import Recorder
from tracking.registry import Winner, champion_export, register_winner

names = map("campaign-{}".format, itertools.count())


@pytest.fixture
def name():
    """Of a campaign; the server is one for all tests."""
    return next(names)


def test_server_takes_runs_and_files(server, name):
    with Recorder(server.uri, CampaignIdentity(name)) as recorder:
        Driver(recorder).tell(*story())
    client = open_client(server.uri)
    check_whole(client, name)
    (study,) = client.search_runs([client.get_experiment_by_name(name).experiment_id], "tags.`gear.kind` = 'study'")
    assert {file.path for file in client.list_artifacts(study.info.run_id)} == {"plan.toml", "importance.json"}


def test_winner_is_registered_through_the_server_and_taken_away_from_there(server, name, tmp_path):
    make_export(tmp_path, tmp_path / "export")
    with Recorder(server.uri, CampaignIdentity(name)).start(story) as recorder:
        assert recorder.flush()
    scores = {"validation_rmse": 0.5, "test_rmse": 0.6, "test_rmse_units": 12.0}
    winner = Winner("hv_from_ds", "random", "gear", NAME, name, 0, "s1", scores)
    assert register_winner(server.uri, tmp_path / "export", winner).aliases == ("best_gear", "champion")
    champion_export(server.uri, "hv_from_ds", "random", None, tmp_path / "taken")
    assert {path.name for path in (tmp_path / "taken").iterdir()} == {p.name for p in (tmp_path / "export").iterdir()}
    check_whole(open_client(server.uri), name)


def test_server_that_is_away_at_the_start_is_written_to_when_it_is_back(server, name, impatient):
    server.stop()
    with Recorder(server.uri, CampaignIdentity(name)) as recorder:
        assert recorder.away
        driver = Driver(recorder)
        driver.tell(*story())
        assert not recorder._queue
        server.start()
        wait_until(lambda: not recorder.away)
        assert recorder.flush()
    check_whole(open_client(server.uri), name)


def test_server_that_goes_away_again_and_again_misses_nothing(server, name, impatient):
    with Recorder(server.uri, CampaignIdentity(name)) as recorder:
        driver = Driver(recorder)
        for number, step in enumerate(story()):
            if number % 4 == 1:
                server.stop()
            driver.tell(step)
            if number % 4 == 1:
                wait_until(lambda: recorder.away)
                server.start()
    check_whole(open_client(server.uri), name)


@pytest.mark.parametrize("path", ["runs/create", "runs/log-batch", "runs/set-tag", "runs/update", "experiments/create"])
def test_answer_that_was_lost_makes_no_second_run(path, server, name, impatient):
    server.lost = [path] * 2
    with Recorder(server.uri, CampaignIdentity(name)) as recorder:
        Driver(recorder).tell(*story())
        wait_until(lambda: not recorder.away)
        assert recorder.flush()
    check_whole(open_client(server.uri), name)


def test_user_refused_in_the_midst_is_waited_for(server, name, impatient, caplog):
    with Recorder(server.uri, CampaignIdentity(name)) as recorder:
        driver = Driver(recorder)
        assert recorder.flush()
        server.password = "ada:lovelace"
        driver.tell(*story())
        wait_until(lambda: recorder.away)
        server.password = None
    check_whole(open_client(server.uri), name)


class Process:
    """`mlflow server` in a process of its own, with a database of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        self.running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=self.folder
        )
        deadline = time.monotonic() + 240
        while not self.answers():
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.2)

    def answers(self):
        try:
            return requests.get(f"{self.uri}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def kill(self):
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()


@pytest.fixture
def process(uri, tmp_path):
    made = Process(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.mark.slow
def test_server_killed_in_the_midst_and_started_a_minute_later_misses_nothing(process, client):
    with Recorder(process.uri, CampaignIdentity("quick-1")) as recorder:
        driver = Driver(recorder)
        for number, step in enumerate(story(epochs=3)):
            driver.tell(step)
            if number == 6:
                process.kill()
            time.sleep(0.05)
        wait_until(lambda: recorder.away)
        time.sleep(60)
        process.start()
        assert recorder.flush(120)
    check_whole(client)

"""A damaged checkpoint or event of a real search, and a disk that is full, cost no more than they must."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search.campaign.events import TrialEnded
from search.storage.campaign_store import read_events
from search.storage.local import LocalPath
from tests.support.driver_checks import count_lines, wait_for

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
SEARCH = ["--pairs", "ef_from_hv", "--labels", "40", "--methods", "stl", "--splits", "random", "--trials", "1"]
SEARCH += ["--epochs", "20", "--validation-folds", "1", "--name", "mine"]


def gear_search(folder, *flags):
    """The command, begun in a folder."""
    command = [sys.executable, "-m", "search.cli.main", *flags]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def finished(process):
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


@pytest.mark.ray
def test_a_killed_search_with_a_cut_checkpoint_trains_the_trial_again_and_repairs_its_events(tmp_path):
    folder = LocalPath(tmp_path / "campaigns/mine")
    driver = gear_search(tmp_path, "run", *SEARCH)
    try:
        wait_for(lambda: folder.exists() and count_lines(folder, "EpochReported") >= 3, driver)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    checkpoints = list(folder.path.glob("checkpoints/*/0000/attempt-*/epoch-*/state.safetensors"))
    assert checkpoints
    for checkpoint in checkpoints:
        os.truncate(checkpoint, 1000)
    code, said = finished(gear_search(tmp_path, "run", "--resume", "--name", "mine"))
    assert (code, "Traceback" in said) == (0, False)
    assert said.count("begins again, since") == 1
    (end,) = (event for event in read_events(folder) if isinstance(event, TrialEnded))
    assert (end.number, end.state) == (0, "complete")

    segment = folder.path / "events/000001.jsonl"
    content = segment.read_bytes()
    segment.write_bytes(content[: len(content) // 2] + content[len(content) // 2 + 1 :])
    for command in ("status", "record"):
        code, said = finished(gear_search(tmp_path, command, "mine"))
        assert (code, "gear-search repair mine" in said, "Traceback" in said) == (2, True, False)
    code, said = finished(gear_search(tmp_path, "repair", "mine"))
    assert (code, "the line is damaged" in said) == (0, True)
    assert finished(gear_search(tmp_path, "status", "mine"))[0] == 0


FULL_DISK = """
import errno, json, os, subprocess, sys
from pathlib import Path
import torch
from gear.errors import StorageError
from gear.training.checkpoint import read_state, write_state
from search.campaign.events import EpochReported
from search.storage import retry
from search.storage.campaign_store import CampaignStore, read_events
from search.storage.local import LocalPath

retry.PATIENCE_SECONDS = 0.5
disk = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
folder = LocalPath(disk / "c")
said, written = [], 0
with CampaignStore.create(folder, {"plan": {}}, "") as store:
    write_state(disk / "checkpoint", {"a": torch.ones(10)}, {"epoch": 1})
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    try:
        for epoch in range(100_000):
            store.append(EpochReported("s", 0, 0, epoch + 1, {"loss": 1.0}))
            written += 1
    except StorageError as error:
        said.append(str(error))
    try:
        write_state(disk / "checkpoint", {"a": torch.ones(10_000)}, {"epoch": 2})
    except StorageError as error:
        said.append(str(error))
    kept = read_state(disk / "checkpoint")[1]["epoch"]
    (disk / "ballast").unlink()
with CampaignStore.resume(folder) as store:
    store.append(EpochReported("s", 0, 0, written + 1, {}))
epochs = [event.epoch for event in read_events(folder)]
left = [path.name for path in disk.iterdir()]
print(json.dumps({"said": said, "written": written, "kept": kept, "epochs": epochs, "left": sorted(left)}))
"""


def test_on_a_full_disk_nothing_that_was_stored_is_lost(tmp_path):
    alone = ["unshare", "--mount", "--propagation", "private"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("needs root, to mount a small disk")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*alone, sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["said"]) == 2
    assert all("No space left on device" in line and "\n" not in line for line in found["said"])
    assert found["kept"] == 1
    assert found["epochs"] == list(range(1, found["written"] + 2))
    assert found["left"] == ["c", "checkpoint"]

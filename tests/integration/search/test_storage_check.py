"""A cluster's storage is one: every node sees what the driver writes, or the search says so before it starts."""

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import ray
from ray import cloudpickle
from ray.cluster_utils import Cluster

from search import run
from search.runtime import connection
from search.runtime.storage_check import unreachable
from search.storage.local import LocalPath

pytestmark = pytest.mark.ray
DRIVER = os.getpid()
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # other processes cannot import a test


@dataclass(frozen=True)
class PrivatePath(LocalPath):
    """A disk of the driver's machine: other processes see nothing of it."""

    driver: int = DRIVER

    def resolved(self):
        return self

    def __truediv__(self, relative):
        return PrivatePath(self.path / relative, self.driver)

    def exists(self):
        return os.getpid() == self.driver and super().exists()


@contextmanager
def cluster():
    """A Ray of one node."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        running = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            yield running
        finally:
            running.shutdown()


def test_a_node_alone_is_not_asked(tmp_path):
    with cluster() as alone, connection.connected(alone.address):
        assert len(ray.nodes()) == 1
        assert unreachable(PrivatePath(tmp_path)) == []


@pytest.fixture(scope="module")
def two():
    """A Ray of two nodes."""
    with cluster() as running:
        running.add_node(num_cpus=0)
        yield running


@pytest.fixture
def joined(two):
    with connection.connected(two.address):
        yield


def test_nodes_that_share_the_storage_are_fine_and_nothing_stays_behind(joined, storage):
    assert unreachable(storage) == []
    assert storage.glob("*") == []


def test_a_node_that_does_not_see_the_storage_is_named(joined, tmp_path):
    (line,) = unreachable(PrivatePath(tmp_path))
    address = ray.nodes()[0]["NodeManagerAddress"]
    assert line == (f"node {address} does not see the campaign folder {tmp_path}: use a shared file system or s3://")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("flags", "code"), [([], 2), (["--dry-run"], 0)])
def test_a_search_on_such_a_cluster_does_not_start(two, tmp_path, monkeypatch, capsys, flags, code):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("search.cli.common_options.open_folder", lambda uri: PrivatePath(tmp_path / uri))
    what = ["--pairs", "hv_from_ds", "--splits", "random", "--methods", "svr"]
    monkeypatch.setattr("sys.argv", ["search.run", "--address", two.address, *what, *flags])
    assert run.main() == code
    shown = capsys.readouterr()
    said = f"does not see the campaign folder {tmp_path}/campaigns"
    assert (said in shown.out) if flags else (said in shown.err)
    assert "does not fit: node" in shown.out if flags else shown.err.startswith("error: node")

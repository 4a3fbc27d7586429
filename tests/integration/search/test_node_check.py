"""Every node of a real Ray is asked."""

import subprocess
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from gear.plugins import load_object
from search.runtime import connection
from search.runtime.node_check import ask_others, different, facts


@pytest.mark.ray
def test_every_node_but_the_drivers_is_asked_though_it_has_no_cpu_to_spare():
    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    running.add_node(num_cpus=0)
    try:
        with connection.connected(running.address):
            assert [answer for _, answer in ask_others(facts)] == [facts()]
            ((_, error),) = ask_others(subprocess.check_call, ["false"])
            assert isinstance(error, subprocess.CalledProcessError)
            assert different() == []
    finally:
        running.shutdown()


@pytest.mark.ray
def test_code_in_the_drivers_folder_is_found_on_the_nodes_that_have_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))  # this project's code, not what is installed
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_on_nodes.py").write_text("thing = 7\n")
    running = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    running.add_node(num_cpus=0)
    try:
        with connection.connected(running.address):
            assert [answer for _, answer in ask_others(load_object, "mine_on_nodes:thing", "method")] == [7]
            assert different(plugins=["mine_on_nodes:thing"]) == []
            ((_, error),) = ask_others(load_object, "no_such_module:thing", "method")
            assert "there is no module no_such_module" in str(error)
    finally:
        running.shutdown()

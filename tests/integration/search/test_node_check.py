"""Every node of a real Ray is asked."""

import subprocess

import pytest
from ray.cluster_utils import Cluster

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

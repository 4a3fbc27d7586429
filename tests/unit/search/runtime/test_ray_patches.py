"""What is mended in Ray does what it should, and is still needed."""

from types import SimpleNamespace

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError
from ray.tune.execution import class_cache

from search.runtime import ray_patches
from search.runtime.ray_patches import mend

KILLED = OutOfMemoryError("1 worker was killed\nand many more lines")


@pytest.fixture
def fail():
    """Tell a manager of workers that the task of one failed; gives what it tells of the worker and of the task."""
    told = []

    def command(error):
        worker = SimpleNamespace(actor_id=1, _on_error=lambda _, error: told.append(("worker", error)))
        task = SimpleNamespace(_tracked_actor=worker, _on_error=lambda _, error: told.append(("task", error)))
        manager = SimpleNamespace(_failed_actor_ids=set(), _cleanup_actor=lambda tracked_actor: None)
        RayActorManager._actor_task_failed(manager, tracked_actor_task=task, exception=error)
        return told

    return command


def test_ray_alone_ends_everything_where_a_node_runs_out_of_memory(fail, monkeypatch):
    monkeypatch.setattr(RayActorManager, "_actor_task_failed", ray_patches._take_failure)
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(KILLED)


def test_a_worker_that_ray_ended_is_a_lost_worker(fail):
    mend()
    (_, error), _ = told = fail(KILLED)
    assert [who for who, _ in told] == ["worker", "task"]
    assert isinstance(error, RayActorError)
    assert str(error) == "OutOfMemoryError: 1 worker was killed"


@pytest.mark.parametrize("error", [RayActorError(), RayTaskError("step", "traceback", ValueError())])
def test_other_errors_are_as_they_were(fail, error):
    mend()
    assert fail(error)[-1] == ("task", error)


def test_an_error_that_is_not_rays_is_raised(fail):
    mend()
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(KeyError("a mistake"))


def test_keys_are_not_put_into_the_environment_of_workers_however_often_it_is_mended(monkeypatch):
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", {"AWS_SECRET_ACCESS_KEY", "TUNE_X"})
    mend()
    mend()
    assert class_cache.ENV_VARS_TO_PROPAGATE == {"TUNE_X"}

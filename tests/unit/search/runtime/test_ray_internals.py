"""What is replaced in Ray does what it should and is still needed; on another Ray it is left alone, with a line."""

import inspect
from types import SimpleNamespace

import pytest
import ray
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError
from ray.tune.execution import class_cache

from search.runtime import ray_internals
from search.runtime.ray_internals import apply_patches, controller_of
from search.runtime.tune_scheduler import CampaignScheduler

ORIGINAL = inspect.unwrap(RayActorManager._actor_task_failed)
KILLED = OutOfMemoryError("1 worker was killed\nand many more lines")


@pytest.fixture(autouse=True)
def unpatched(monkeypatch):
    """Ray as it comes, before every test and after."""
    monkeypatch.setattr(RayActorManager, "_actor_task_failed", ORIGINAL)
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", {"AWS_SECRET_ACCESS_KEY", "TUNE_X"})
    ray_internals._log_once.cache_clear()


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


def test_ray_unpatched_ends_everything_where_a_node_runs_out_of_memory(fail):
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(KILLED)


def test_a_worker_that_ray_ended_is_a_lost_worker(fail):
    apply_patches()
    (_, error), _ = told = fail(KILLED)
    assert [who for who, _ in told] == ["worker", "task"]
    assert isinstance(error, RayActorError)
    assert str(error) == "OutOfMemoryError: 1 worker was killed"


@pytest.mark.parametrize("error", [RayActorError(), RayTaskError("step", "traceback", ValueError())])
def test_other_errors_are_as_they_were(fail, error):
    apply_patches()
    assert fail(error)[-1] == ("task", error)


def test_an_error_that_is_not_rays_is_raised(fail):
    apply_patches()
    with pytest.raises(RuntimeError, match="unexpected exception"):
        fail(KeyError("a mistake"))


def test_keys_are_not_put_into_the_environment_of_workers_and_patching_twice_changes_nothing(caplog):
    apply_patches()
    first = RayActorManager._actor_task_failed
    apply_patches()
    assert class_cache.ENV_VARS_TO_PROPAGATE == {"TUNE_X"}
    assert RayActorManager._actor_task_failed is first is not ORIGINAL
    assert caplog.messages == []


def test_another_version_of_ray_is_not_patched_and_the_log_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(ray, "__version__", "2.61.0")
    apply_patches()
    apply_patches()
    assert RayActorManager._actor_task_failed is ORIGINAL
    assert "AWS_SECRET_ACCESS_KEY" in class_cache.ENV_VARS_TO_PROPAGATE
    memory, keys = caplog.messages
    assert memory.startswith("Ray 2.61.0 is not patched (this program knows Ray 2.60): a node that runs out of memory")
    assert "keys of S3 may appear in Ray's logs" in keys


def other_parameters(self, exception):
    """Of a method of another version."""


@pytest.mark.parametrize("found", [other_parameters, None])
def test_a_method_that_looks_different_is_not_replaced(monkeypatch, caplog, found):
    if found is None:
        monkeypatch.delattr(RayActorManager, "_actor_task_failed")
    else:
        monkeypatch.setattr(RayActorManager, "_actor_task_failed", found)
    apply_patches()
    assert getattr(RayActorManager, "_actor_task_failed", None) is found
    (line,) = caplog.messages
    assert "_actor_task_failed" in line
    assert class_cache.ENV_VARS_TO_PROPAGATE == {"TUNE_X"}  # the other patch is applied all the same


def test_a_list_of_variables_that_looks_different_is_left_alone(monkeypatch, caplog):
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", ["AWS_SECRET_ACCESS_KEY"])
    apply_patches()
    assert class_cache.ENV_VARS_TO_PROPAGATE == ["AWS_SECRET_ACCESS_KEY"]
    assert "ENV_VARS_TO_PROPAGATE is not a set" in caplog.text


def tune_controller(called=()):
    """Tune's, with one trial that waits for its worker, one that waits for any and one that was given up."""
    manager = SimpleNamespace(is_actor_started=lambda actor: actor == "started")
    return SimpleNamespace(
        _failed_trials={"failed"},
        _pending_trials=["starting", "pending"],
        _trial_to_actor={"starting": "started"},
        _actor_manager=manager,
        _schedule_trial_task=lambda *call: called.append(call),
    )


def test_the_scheduler_sees_what_tune_keeps_to_itself():
    controller = controller_of(SimpleNamespace(_tune_controller=tune_controller()))
    assert list(controller.failed) == ["failed"]
    assert [trial for trial in controller.pending if not controller.is_starting(trial)] == ["pending"]


def test_it_calls_a_trials_worker():
    called = []
    controller_of(SimpleNamespace(_tune_controller=tune_controller(called))).call("trial", "leave", [1])
    assert called == [("trial", "leave", ([1],))]
    tunes = ray.tune.execution.tune_controller.TuneController._schedule_trial_task
    assert [*inspect.signature(tunes).parameters][1:4] == ["trial", "method_name", "args"]


def test_tunes_controller_has_all_of_it():
    source = inspect.getsource(ray.tune.execution.tune_controller)
    for name in ("_tune_controller", "_failed_trials", "_pending_trials", "_trial_to_actor", "_actor_manager"):
        assert f"self.{name} " in source or f"self.{name}:" in source, name
    assert callable(RayActorManager.is_actor_started)


@pytest.mark.parametrize("gone", ["_failed_trials", "_pending_trials", "_trial_to_actor", "_actor_manager", "version"])
def test_where_the_controller_looks_different_tune_chooses_itself_and_the_log_says_so_once(monkeypatch, caplog, gone):
    controller = tune_controller()
    if gone == "version":
        monkeypatch.setattr(ray, "__version__", "3.0.0")
    else:
        delattr(controller, gone)
    interface = SimpleNamespace(_tune_controller=controller, get_trials=list)
    scheduler = CampaignScheduler(None, None, None)
    for _ in range(2):
        assert scheduler.choose_trial_to_run(interface) is None
    (line,) = caplog.messages
    assert "chooses trials itself" in line
    assert ("knows Ray 2.60" if gone == "version" else gone) in line

"""What is mended in Ray, by replacing parts of its insides. Each stands here with what goes wrong without it."""

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.execution import class_cache

from gear.errors import in_a_line

__all__ = ["mend"]

_take_failure = RayActorManager._actor_task_failed


def mend() -> None:
    """Replace them, in this process; again changes nothing."""
    RayActorManager._actor_task_failed = _take_any_failure  # type: ignore[assignment]
    # the keys of S3, which Ray would put into the environment that it makes for a worker, and so into its logs
    class_cache.ENV_VARS_TO_PROPAGATE -= {name for name in class_cache.ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")}


def _take_any_failure(manager: RayActorManager, tracked_actor_task: TrackedActorTask, exception: Exception) -> None:
    """A worker that Ray ended because its node ran out of memory is a lost worker as well.

    Tune would end the search with a RuntimeError: to it only one kind of error is a lost worker's, and this is not it.
    """
    if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
        exception = RayActorError(error_msg=in_a_line(exception))
    _take_failure(manager, tracked_actor_task, exception)

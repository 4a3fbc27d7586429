"""Every private part of Ray and Tune that the search uses or replaces; no other module does.

They were read in one version of Ray. On another version, or where they look different, a patch is not applied and the
search goes without the private part; one line of the log says which, and what goes wrong without it.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune.experiment import Trial

from gear.errors import in_a_line

__all__ = ["Controller", "apply_patches", "controller_of"]

READ_IN = "2.60"  # version of Ray

log = logging.getLogger(__name__)


class _OtherInternalsError(Exception):
    """A private part of Ray is not what it was in the version that was read."""


@dataclass(frozen=True, slots=True)
class _Patch:
    """A part of Ray that is replaced, in this process. `without`: what goes wrong where it is not."""

    apply: Callable[[], None]
    without: str


def apply_patches() -> None:
    """Apply every patch that is for this Ray. A second call changes nothing."""
    for patch in _PATCHES:
        try:
            _check_version()
            patch.apply()
        except (ImportError, AttributeError, _OtherInternalsError) as error:
            _log_once(f"Ray {ray.__version__} is not patched ({error}): {patch.without}")


def _take_any_failure() -> None:
    """Count a worker that Ray ended because its node ran out of memory as a lost worker.

    Tune ends the search with a RuntimeError: it takes only one kind of error for a lost worker, and this is another.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager

    original = RayActorManager._actor_task_failed
    if hasattr(original, "__wrapped__"):  # it is patched
        return
    if list(inspect.signature(original).parameters) != ["self", "tracked_actor_task", "exception"]:
        raise _OtherInternalsError("RayActorManager._actor_task_failed has other parameters")

    @functools.wraps(original)
    def failed(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:  # noqa: ANN401 - Ray's
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=in_a_line(exception))
        original(self, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = failed  # type: ignore[method-assign]


def _keep_keys_out_of_environments() -> None:
    """Keep the keys of S3 out of the environment that Ray makes for a worker, which it writes to its logs."""
    from ray.tune.execution import class_cache

    names = class_cache.ENV_VARS_TO_PROPAGATE
    if not isinstance(names, set):
        raise _OtherInternalsError("ENV_VARS_TO_PROPAGATE is not a set")
    class_cache.ENV_VARS_TO_PROPAGATE = {name for name in names if not name.startswith("AWS_")}


_PATCHES = (
    _Patch(_take_any_failure, "a node that runs out of memory may end the search"),
    _Patch(_keep_keys_out_of_environments, "keys of S3 may appear in Ray's logs; use roles of the machines instead"),
)


@dataclass(frozen=True, slots=True)
class Controller:
    """What a scheduler needs of Tune's controller and its interface for schedulers does not give."""

    failed: Iterable[Trial]
    pending: Iterable[Trial]
    _actors: dict[Trial, Any]
    _is_started: Callable[[Any], bool]
    _call: Callable[..., Any]

    def call(self, trial: Trial, method: str, *arguments: Any) -> None:  # noqa: ANN401
        """Call a method of a trial's worker before its next epoch, without waiting for it."""
        self._call(trial, method, arguments)

    def is_starting(self, trial: Trial) -> bool:
        """Whether a trial has resources of its own, on which its worker is about to be ready."""
        actor = self._actors.get(trial)
        return actor is not None and bool(self._is_started(actor))


def controller_of(interface: Any) -> Controller | None:  # noqa: ANN401 - Tune's
    """The controller behind what Tune hands to a scheduler; None where this Ray's is not the one that was read."""
    try:
        _check_version()
        # the interface has one list of all trials, the controller a set for each status
        controller = interface._tune_controller
        return Controller(
            failed=controller._failed_trials,
            pending=controller._pending_trials,
            _actors=controller._trial_to_actor,
            _is_started=controller._actor_manager.is_actor_started,
            _call=controller._schedule_trial_task,
        )
    except (AttributeError, _OtherInternalsError) as error:
        _log_once(
            f"Ray {ray.__version__} chooses trials itself ({error}): a new node may wait for work, "
            "and a trial that Tune gives up may not be repeated"
        )
        return None


def _check_version() -> None:
    if ray.__version__.split(".")[:2] != READ_IN.split("."):
        raise _OtherInternalsError(f"this program knows Ray {READ_IN}")


@functools.cache
def _log_once(line: str) -> None:
    log.warning("%s", line)

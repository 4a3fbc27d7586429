"""What this process may use of its machine, within the limits of its container or batch job."""

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["home_path", "usable_cpus", "usable_memory"]

# of a control group, version 2 and 1
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def usable_cpus() -> int:
    """The number of cores: of the machine, that the process is bound to, or that its share of time makes up."""
    import joblib

    return int(joblib.cpu_count())


def usable_memory(limits: Sequence[Path] = MEMORY_LIMITS) -> int:
    """Bytes of memory: those of the machine, or fewer where a control group limits them.

    Args:
        limits: files that may hold such a limit.
    """
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in limits:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():  # "max" is no limit
            found.append(int(text))
    return min(found)


def home_path(place: str) -> Path:
    """A path that may begin with `~`, which stays as it is for a user without a home folder, as in some containers."""
    return Path(os.path.expanduser(place))

"""What this process may use of its machine, within the limits of its container or batch job.

Control groups are nested, and a limit holds for all below it. A container usually sees its own group as the root; a
batch job sees the groups of the whole machine, and `/proc/self/cgroup` names the one that it is in.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["home_path", "usable_cpus", "usable_memory"]

GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """The number of cores: of the machine, that the process is bound to, or that its share of time makes up."""
    import joblib

    shares = [1.0 * int(joblib.cpu_count())]
    for folder in _groups("cpu"):
        texts = _texts(folder, "cpu.max") or _texts(folder, "cpu.cfs_quota_us", "cpu.cfs_period_us")
        if len(texts) == 2 and all(map(str.isdecimal, texts)) and int(texts[1]):  # "max" and -1 are no limits
            shares.append(int(texts[0]) / int(texts[1]))
    return max(math.ceil(min(shares)), 1)


def usable_memory() -> int:
    """Bytes of memory: those of the machine, or fewer where a control group limits them."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for folder in _groups("memory"):
        texts = _texts(folder, "memory.max") or _texts(folder, "memory.limit_in_bytes")
        found += [int(text) for text in texts if text.isdecimal()]
    return min(found)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of the control groups of this process, of version 2 and 1, with all groups around them."""
    try:
        lines = OWN_GROUPS.read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        names = controllers.split(",")
        if controllers and controller not in names:
            continue
        top = GROUPS / controller if controllers else GROUPS
        place = top / own.strip("/")
        yield from (folder for folder in (place, *place.parents) if folder.is_relative_to(top))


def _texts(folder: Path, *names: str) -> list[str]:
    """The words of files in a folder; nothing where one is missing."""
    try:
        return [word for name in names for word in (folder / name).read_text().split()]
    except OSError:
        return []


def home_path(place: str) -> Path:
    """A path that may begin with `~`, which stays as it is for a user without a home folder, as in some containers."""
    return Path(os.path.expanduser(place))

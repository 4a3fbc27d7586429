"""Which code ran: the versions of packages and of this program, and what changed in them between two launches."""

import datetime
import importlib.metadata
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search.campaign.campaign import Campaign

__all__ = ["begin_launch", "changes", "commit", "versions"]

ROOT = Path(__file__).parents[2]
PROGRAM, COMMIT = "gear-search", "commit"
NUMERIC = ("torch", "rdkit", "chemprop", "numpy", "scikit-learn", "lightgbm")  # whose versions change a trial's numbers
OTHERS = ("ray", "optuna", "mlflow")
HASH_SHOWN = 12


def begin_launch(campaign: Campaign, head: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Record a launch with its versions; what differs from the launch before and changes numbers is said.

    Args:
        campaign: before anything else happens in this launch.
        head: its campaign.json, which has the versions of the first launch where an earlier version began it.
        say: takes a line.
    """
    now = versions()
    before = campaign.launches[-1].versions if campaign.launches else head.get("versions", {})
    if changed := changes(before, now):
        say(
            f"campaign {campaign.plan.name} goes on with {', '.join(changed)}: trials from here on may have other "
            "numbers, and each trial records its versions"
        )
    campaign.launch(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), now)


def versions() -> dict[str, str]:
    """The versions of this program and the packages beneath it and, in a checkout, its `commit`."""
    return {name: importlib.metadata.version(name) for name in (PROGRAM, *NUMERIC, *OTHERS)} | commit()


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changes a trial's numbers and differs between two launches: `torch 2.13.0 (before 2.12.0)`.

    A package that either launch did not record is left out, and so is the tag of a build, for CPU or CUDA.
    """
    found = []
    for name in NUMERIC:
        old, new = (known.get(name, "").partition("+")[0] for known in (before, now))
        if old and new and old != new:
            found.append(f"{name} {new} (before {old})")
    old, new = _program(before), _program(now)
    if PROGRAM in before and old != new:
        found.append(f"this program at {new} (before {old})")
    return found


def _program(known: Mapping[str, str]) -> str:
    """The version of this program, and the commit of a checkout."""
    head, changed, _ = known.get(COMMIT, "").partition("+")
    return " ".join(filter(None, [known.get(PROGRAM, ""), head[:HASH_SHOWN] + changed]))


def commit(root: Path = ROOT) -> dict[str, str]:
    """The commit of a checkout's source, `{"commit": "1a2b3c..."}`, with a sign where files were changed since.

    Nothing where this program was installed from a package.
    """
    if not (root / ".git").exists():
        return {}
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {COMMIT: head + ("+changes" if changed else "")}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()

"""Which code ran, beyond the version of its package."""

import subprocess
from pathlib import Path

__all__ = ["commit"]

ROOT = Path(__file__).parents[2]


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
    return {"commit": head + ("+changes" if changed else "")}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()

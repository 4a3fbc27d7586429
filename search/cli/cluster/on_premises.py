"""The cluster of cluster.yaml on machines of one's own.

    python -m search.cli.cluster.on_premises HEAD WORKER... --user NAME

Writes another such file for `ray up`: the same project, environment, token and commands, on machines that are there
already and that ssh reaches.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gear.errors import StorageError, user_command

__all__ = ["main", "on_machines"]

CLOUD = Path(__file__).parents[3] / "cluster.yaml"
CLOUD_ONLY = ("available_node_types", "head_node_type", "initialization_commands")
# Ray's newer autoscaler takes the head of such a cluster for a worker and leaves one out
OLDER_AUTOSCALER = "RAY_enable_autoscaler_v2=0 ray start --head"


@user_command
def main() -> int:
    """Write it."""
    args = _parse()
    auth = {"ssh_user": args.user, "ssh_private_key": args.key}
    config = on_machines(yaml.safe_load(CLOUD.read_text()), args.head, args.workers, auth)
    made_by = f"# Made of cluster.yaml by: python -m search.cli.cluster.on_premises {shlex.join(sys.argv[1:])}"
    try:
        args.to.write_text(f"{made_by}\n{yaml.safe_dump(config, sort_keys=False, width=1000)}")
    except OSError as error:
        raise StorageError(f"cannot write {args.to} ({error.strerror}): give another --to") from error
    print(f"{args.to}: fill in the storage and, in this folder, ray up {args.to}")
    return 0


def on_machines(config: dict[str, Any], head: str, workers: Sequence[str], auth: dict[str, str]) -> dict[str, Any]:
    """A cluster's configuration with the cloud exchanged for machines.

    Args:
        config: of the cloud's cluster.
        head: address of the machine that drives searches; it trains as well.
        workers: addresses of the others.
        auth: how ssh gets into all of them, in Ray's words.
    """
    kept = {name: value for name, value in config.items() if name not in CLOUD_ONLY}
    starts = [
        re.sub(r"\bray start --head\b", OLDER_AUTOSCALER, command) for command in config["head_start_ray_commands"]
    ]
    return {
        **kept,
        "provider": {"type": "local", "head_ip": head, "worker_ips": list(workers)},
        "max_workers": len(workers),
        "auth": auth,
        "head_start_ray_commands": starts,
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m search.cli.cluster.on_premises", description=main.__doc__)
    parser.add_argument("head", metavar="HEAD", help="address of the machine that drives searches")
    parser.add_argument("workers", nargs="+", metavar="WORKER", help="addresses of the others")
    parser.add_argument("--user", required=True, help="that ssh logs in as, on all of them")
    parser.add_argument(
        "--key", default="~/.ssh/id_ed25519", metavar="FILE", help="private key of ssh, without passphrase"
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FILE.yaml", help="to write")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

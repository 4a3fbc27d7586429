"""The cluster of cluster.yaml on machines of one's own.

    gear-search cluster on-premises HEAD WORKER... --user NAME --to FILE.yaml

Writes another such file for `ray up`: the same project, environment, token and commands, on machines that are there
already and that ssh reaches.
"""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gear.command_line import Parser, make_parser
from gear.errors import InputDataError, StorageError, user_command
from gear.machine import home_path

__all__ = ["command_parser", "main", "on_machines"]

CLOUD = Path(__file__).with_name("files") / "cluster.yaml"
KEY = "~/.ssh/gear-search"  # of the cluster alone: Ray copies it to the head
CLOUD_ONLY = ("available_node_types", "head_node_type", "initialization_commands")
# Ray's newer autoscaler takes the head of such a cluster for a worker and leaves one out
OLDER_AUTOSCALER = "RAY_enable_autoscaler_v2=0 ray start --head"


@user_command
def main() -> int:
    """Write a cluster file for machines of your own, made of cluster.yaml."""
    args = command_parser().parse_args()
    _check_key(args.key, [f"{args.user}@{machine}" for machine in (args.head, *args.workers)])
    import yaml

    auth = {"ssh_user": args.user, "ssh_private_key": args.key}
    config = on_machines(yaml.safe_load(CLOUD.read_text()), args.head, args.workers, auth)
    made_by = f"# Made of cluster.yaml by: gear-search cluster on-premises {shlex.join(sys.argv[1:])}"
    try:
        args.to.write_text(f"{made_by}\n{yaml.safe_dump(config, sort_keys=False, width=1000)}")
    except OSError as error:
        raise StorageError(f"cannot write {args.to} ({error.strerror}): give another --to") from error
    print(f"{args.to}: fill in the storage and, in this folder, ray up {args.to}")
    print(f"ray up copies the private key {args.key} to {args.head} (~/ray_bootstrap_key.pem), where it stays")
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


def _check_key(key: str, logins: Sequence[str]) -> None:
    if home_path(key).exists():
        return
    make = f"ssh-keygen -t ed25519 -N '' -f {key}"
    give = " && ".join(f"ssh-copy-id -i {key}.pub {login}" for login in logins)
    raise InputDataError(f"there is no private key {key}; make one for this cluster alone: {make} && {give}")


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.cluster.on_premises", main.__doc__)
    parser.add_argument("head", metavar="HEAD", help="address of the machine that drives searches")
    parser.add_argument("workers", nargs="+", metavar="WORKER", help="addresses of the other machines")
    parser.add_argument("--user", required=True, help="the user that ssh logs in as on all machines")
    parser.add_argument(
        "--key",
        default=KEY,
        metavar="FILE",
        help="private key for ssh, without a passphrase; ray up copies it to HEAD, where it stays, so give one that "
        "opens nothing else (default: %(default)s)",
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FILE.yaml", help="the cluster file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())

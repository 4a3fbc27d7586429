"""How much a compressed table may unpack to: gigabytes that come out of a small file are no table."""

from pathlib import Path

from gear.errors import InputDataError

__all__ = ["RATIO", "ROW", "UNPACKED", "check_unpacked"]

UNPACKED = 16 * 2**20  # bytes that are always read
RATIO = 200  # by which a larger file may unpack; tables unpack to 3 to 20 times their size
ROW = 64  # bytes that a row counts as at least: many short rows take memory too


def check_unpacked(path: Path, packed: int, unpacked: int) -> None:
    """Check that a file of `packed` bytes does not unpack to too many bytes or characters, as far as they are known.

    Raises:
        InputDataError: it does.
    """
    if unpacked > UNPACKED and unpacked > RATIO * packed:
        raise InputDataError(
            f"{path} unpacks to more than {RATIO} times its size, which no table does: unpack it yourself and look "
            "at it"
        )

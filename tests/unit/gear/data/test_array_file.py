"""Files of arrays: mapped, checked, built by one process, and private where the cache cannot be written."""

import pickletools
import subprocess
import sys

import numpy as np
import pytest

from gear.data.array_file import cached_arrays, open_arrays, write_arrays
from gear.data.cache import DamagedFileError, one_builder

WANTED = {"a": np.int32, "b": np.float64}


def arrays():
    return {"a": np.arange(1000, dtype=np.int32), "b": np.linspace(0, 1, 50)}


def test_arrays_come_back_as_views_of_the_file_with_their_facts(tmp_path):
    write_arrays(tmp_path / "x.arrow", arrays(), "1", {"n": 3})
    found, facts = open_arrays(tmp_path / "x.arrow", WANTED, "1")
    assert facts == {"n": 3}
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.owndata
        assert not found[name].flags.writeable


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign", "version", "type", "names", "facts"])
def test_damaged_file_is_noticed_and_built_again(damage, tmp_path, capsys):
    path = tmp_path / "x.arrow"
    write_arrays(path, arrays(), "1", {"split_hash": "abc"})
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[content.index(arrays()["b"].tobytes()) + 100] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage in ("empty", "foreign"):
        path.write_bytes(b"" if damage == "empty" else b"something else")
    elif damage == "version":
        write_arrays(path, arrays(), "2")
    elif damage == "type":
        write_arrays(path, arrays() | {"a": np.arange(1000)}, "1")
    elif damage == "names":
        write_arrays(path, {"a": arrays()["a"]}, "1")
    else:
        path.write_bytes(bytes(content).replace(b"abc", b"abd"))
    with pytest.raises(DamagedFileError):
        open_arrays(path, WANTED, "1")
    found = cached_arrays(path, WANTED, "1", arrays)
    np.testing.assert_array_equal(found["a"], arrays()["a"])
    assert capsys.readouterr().err.count("is damaged") == 1
    open_arrays(path, WANTED, "1")


def test_arrays_are_private_where_the_cache_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()  # no folder can be made in its place
    found = cached_arrays(tmp_path / "file" / "x.arrow", WANTED, "1", arrays)
    np.testing.assert_array_equal(found["b"], arrays()["b"])
    assert found.keys() == WANTED.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_of_a_file_is_a_pickle(tmp_path):
    write_arrays(tmp_path / "x.arrow", arrays(), "1", {"n": 3})
    content = (tmp_path / "x.arrow").read_bytes()
    assert content.startswith(b"ARROW1")
    with pytest.raises(ValueError, match="opcode"):
        list(pickletools.genops(content))


BUILDER = """
import os, sys, time
from pathlib import Path
import numpy as np
from gear.data.array_file import cached_arrays

folder = Path(sys.argv[1])

def build():
    (folder / f"built-{os.getpid()}").touch()
    while len(list(folder.glob("begun-*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.3)  # long enough for the other one to build too, if nothing made it wait
    return {"a": np.arange(1000, dtype=np.int32), "b": np.linspace(0, 1, 50)}

(folder / f"begun-{os.getpid()}").touch()
found = cached_arrays(folder / "files" / "x.arrow", {"a": np.int32, "b": np.float64}, "1", build)
assert found["a"].sum() == 499500 and not found["a"].flags.owndata
"""


def test_of_two_processes_one_builds_and_the_other_waits_for_its_file(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path)]) for _ in range(2)]
    try:
        assert [process.wait(60) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    assert len(list(tmp_path.glob("begun-*"))) == 2
    assert len(list(tmp_path.glob("built-*"))) == 1


def test_a_process_may_build_what_it_needs_to_build_something_else(tmp_path):
    with one_builder(tmp_path / "folder"), one_builder(tmp_path / "folder"):
        cached_arrays(tmp_path / "folder" / "x.arrow", WANTED, "1", arrays)
    with one_builder(tmp_path / "folder"):
        pass

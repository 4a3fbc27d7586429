"""Files and folders appear whole, follow no planted link, and have the permissions that the umask gives."""

import os
import stat
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from gear.data.cache import replace_file
from gear.data.user_files.table_writer import open_writer
from gear.drafts import draft_file, draft_folder, draft_name
from gear.errors import StorageError
from gear.evaluation.conformal import Calibration
from gear.export import export_model
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import Weights, new_network, write
from gear.training.checkpoint import write_folder, write_state

ROOT = Path(__file__).parents[3]


def write_table(path):
    with open_writer(path, pa.schema([("a", pa.int64())])) as write:
        write([(1,)])


WRITERS = {
    "table.csv": write_table,
    "table.parquet": write_table,
    "cached": lambda path: replace_file(path, lambda draft: draft.write_text("whole")),
    "checkpoint": lambda path: write_state(path, {"a": torch.zeros(2)}, {}),
}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_everything_that_is_exported_has_the_permissions_of_the_umask(umask, ensemble, tmp_path):
    calibration = Calibration(np.arange(3.0), 1.25, log10=False)
    export_model(ensemble, ensemble[0].pair, tmp_path / "export", {}, calibration)
    found = [tmp_path / "export", *(tmp_path / "export").rglob("*")]
    assert len(found) == 1 + 1 + 3 * 2 + 6  # the folder, members, theirs, and the other files
    assert {mode(path) for path in found if path.is_dir()} == {0o777 & ~umask}
    assert {mode(path) for path in found if path.is_file()} == {0o666 & ~umask}


@pytest.mark.parametrize("name", WRITERS)
def test_everything_that_is_written_has_the_permissions_of_the_umask(name, umask, tmp_path):
    WRITERS[name](tmp_path / name)
    files = [path for path in [tmp_path / name, *(tmp_path / name).rglob("*")] if path.is_file()]
    assert files
    assert {mode(path) for path in files} == {0o666 & ~umask}


def test_pretrained_weights_have_the_permissions_of_the_umask(umask, tmp_path):
    shape = Shape(width=8, depth=2, aggregation="norm", aggregation_norm=10.0)
    write(tmp_path / "weights", Weights(shape, new_network(shape).state_dict(), {}))
    assert mode(tmp_path / "weights") == 0o666 & ~umask


def test_no_code_writes_tensors_that_only_their_owner_can_read():
    code = [path for package in ("gear", "search", "tracking") for path in (ROOT / package).rglob("*.py")]
    assert len(code) > 100
    assert [path for path in code if "import" in (text := path.read_text()) and "save_file(" in text] == []


@pytest.mark.parametrize("name", WRITERS)
def test_planted_link_is_not_followed(name, tmp_path, monkeypatch):
    """Somebody else of the same folder has guessed the name of a draft."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    victim = tmp_path / "victim"
    victim.mkdir() if name == "checkpoint" else victim.write_text("precious")
    draft_name(tmp_path / name).symlink_to(victim)
    with pytest.raises(StorageError, match="cannot write"):
        WRITERS[name](tmp_path / name)
    assert not (tmp_path / name).exists()
    assert list(victim.iterdir()) == [] if name == "checkpoint" else victim.read_text() == "precious"


def test_names_of_drafts_cannot_be_foreseen(tmp_path):
    assert len({draft_name(tmp_path / "a") for _ in range(3)}) == 3


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_draft_that_was_interrupted(error, tmp_path):
    (tmp_path / "file").write_text("old")
    for context, name in ((draft_file, "file"), (draft_folder, "folder")):
        with pytest.raises(type(error)), context(tmp_path / name):
            raise error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_folder_takes_the_place_of_an_older_one(tmp_path):
    write_folder(tmp_path / "there" / "folder", lambda draft: (draft / "old").touch())
    write_folder(tmp_path / "there" / "folder", lambda draft: (draft / "new").touch())
    assert [path.name for path in (tmp_path / "there").rglob("*")] == ["folder", "new"]

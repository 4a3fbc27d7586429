"""A user's object by its import path, and one line where there is none."""

import sys

import pytest

from gear.errors import InputDataError
from gear.plugins import is_import_path, load_object


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, which nothing has put on the path yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_object_of_a_module_in_the_working_folder_is_found(folder):
    (folder / "mine_here.py").write_text("thing = 7\n")
    assert load_object("mine_here:thing", "embedding") == 7


def test_module_in_a_package_of_the_working_folder_is_found(folder):
    (folder / "mine_pack").mkdir()
    (folder / "mine_pack" / "deep.py").write_text("thing = 8\n")
    assert load_object("mine_pack.deep:thing", "embedding") == 8


def test_file_in_the_working_folder_hides_no_installed_module(folder):
    (folder / "colorsys.py").write_text("rgb_to_hsv = 'another'\n")
    assert callable(load_object("colorsys:rgb_to_hsv", "embedding"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no_such_module:Thing", "there is no module no_such_module: run in the folder that holds no_such_module.py"),
        ("no_such.module:Thing", "there is no module no_such: run in the folder that holds no_such/module.py"),
        ("needs_more:Thing", r"module needs_more cannot be imported \(No module named 'no_such_module'\)"),
        ("empty_file:Thing", r"empty_file\.py has no 'Thing'"),
        ("empty_file", "is not an import path: write it as my_module:MyObject"),
        ("../empty_file:Thing", "is not an import path"),
        ("empty_file:Thing.other", "is not an import path"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_a_line(path, message, folder):
    (folder / "needs_more.py").write_text("import no_such_module\n")
    (folder / "empty_file.py").write_text("")
    with pytest.raises(InputDataError, match=message) as told:
        load_object(path, "embedding")
    assert str(told.value).startswith(f"embedding '{path}'")


def test_error_in_the_users_module_keeps_its_traceback(folder):
    (folder / "wrong_inside.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_object("wrong_inside:Thing", "embedding")


@pytest.mark.parametrize(("name", "yes"), [("a:B", True), ("a.b_1:C", True), ("dmpnn", False), ("a:", False)])
def test_import_path_is_known_by_its_form(name, yes):
    assert is_import_path(name) is yes

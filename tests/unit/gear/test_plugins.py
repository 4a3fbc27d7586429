"""A user's object by its import path, and one line where there is none."""

import sys

import pytest

from gear.config import EmbeddingConfig, TrialConfig
from gear.errors import InputDataError
from gear.plugins import import_path, import_paths, is_import_path, load_object, refuse_code_in, source_of


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


def test_import_paths_of_a_configuration_are_those_of_the_users_code():
    assert import_paths(TrialConfig()) == []
    assert import_paths(TrialConfig(method="mine=a.b:C")) == ["a.b:C"]
    joined = EmbeddingConfig("dmpnn+a:B", source_kind="c:D+text+e:F")
    assert import_paths(TrialConfig(embedding=joined)) == ["a:B", "c:D", "e:F"]


def test_source_of_a_path_is_the_outermost_module_which_is_not_imported(folder):
    (folder / "mine_here.py").write_text("1 / 0\n")
    (folder / "mine_pack").mkdir()
    (folder / "mine_pack/__init__.py").write_text("1 / 0\n")
    assert source_of("mine_here:Thing") == folder.resolve() / "mine_here.py"
    assert source_of("mine_pack.deep:Thing") == folder.resolve() / "mine_pack"
    assert source_of("no_such_module:Thing") is None
    assert source_of("sys:path") is None


def test_code_in_a_folder_that_may_be_anybodys_is_refused_and_not_run(folder):
    export = folder / "export"
    export.mkdir()
    (folder / "own_code.py").write_text("")
    refuse_code_in(export, "own_code:Thing", "method")
    (export / "other_code.py").write_text("raise SystemExit('was run')\n")
    sys.path.insert(0, str(export))  # as `python export/usage.py` does
    with pytest.raises(InputDataError, match=r"is part of .*export, whose code is not run"):
        refuse_code_in(export, "other_code:Thing", "method")
    assert "other_code" not in sys.modules


def test_code_of_a_package_that_continues_in_the_folder_is_refused(folder):
    for place in (folder / "mine", folder / "export/mine"):
        place.mkdir(parents=True)
    sys.path.append(str(folder / "export"))
    with pytest.raises(InputDataError, match="whose code is not run"):
        refuse_code_in(folder / "export", "mine.deep:Thing", "method")


def test_the_path_of_an_object_leads_back_to_it():
    assert import_path(load_object, "loader") == "gear.plugins:load_object"


@pytest.mark.parametrize("thing", [lambda: 0, 3, load_object.__get__(0)], ids=["lambda", "number", "method"])
def test_an_object_that_no_path_leads_back_to_is_refused(thing):
    with pytest.raises(InputDataError, match="has no import path: define it at the top level of a module"):
        import_path(thing, "loader")

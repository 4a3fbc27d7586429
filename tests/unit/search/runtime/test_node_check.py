"""Every node must be like the driver's; one that is not is named before anything starts."""

import pytest

from search.runtime import node_check
from search.runtime.node_check import different, facts


def fake_answers(monkeypatch, **answers):
    monkeypatch.setattr(node_check, "ask_others", lambda *_: iter(answers.items()))


def test_nodes_that_are_alike_are_nothing_to_talk_about(monkeypatch):
    fake_answers(monkeypatch, one=facts(), two=facts())
    assert different() == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("torch", f"torch 2.0.0, here {facts()['torch']}"),
        ("Python", f"Python 2.0.0, here {facts()['Python']}"),
        ("the code", "the code differs"),
    ],
)
def test_what_differs_on_a_node_is_named(monkeypatch, name, says):
    fake_answers(monkeypatch, one=facts(), two=facts() | {name: "2.0.0"})
    assert different() == [f"node two is not like this one: {says}; ray up installs the same"]


def test_a_build_for_other_hardware_is_the_same_version(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.13.0+cu130")
    assert facts()["torch"] == "2.13.0"


def test_a_users_file_must_be_the_same_everywhere(monkeypatch, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("smiles,tg\n")
    here = facts([str(file)])
    fake_answers(monkeypatch, old=here | {str(file): "other"}, new=here | {str(file): "missing"})
    old, new = different([str(file)])
    assert f"{file} differs" in old
    assert f"{file} is missing" in new


def test_a_users_own_code_must_be_the_same_everywhere(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine_here.py").write_text("")
    (tmp_path / "mine_pack").mkdir()
    (tmp_path / "mine_pack/deep.py").write_text("")
    paths = ["mine_here:Thing", "mine_pack.deep:Thing"]
    here = facts(plugins=paths)
    (tmp_path / "mine_pack/deep.py").write_text("changed = True")
    there = facts(plugins=paths)
    fake_answers(monkeypatch, without=there | {"mine_here:Thing": "missing"}, old=here)
    without, old = different(plugins=paths)
    assert "not like this one: mine_here:Thing is missing; " in without
    assert "not like this one: mine_pack.deep:Thing differs; " in old


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (TimeoutError(), "does not answer within 60 s"),
        (ModuleNotFoundError("search"), "cannot run this program (ModuleNotFoundError): install it there"),
    ],
)
def test_a_node_without_an_answer_is_named(monkeypatch, answer, says):
    fake_answers(monkeypatch, one=answer)
    assert says in different()[0]

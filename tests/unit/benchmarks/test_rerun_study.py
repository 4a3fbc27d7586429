"""A study is trained again from its campaign's folder, and its numbers are the same."""

import pytest
import rerun_study

from search.cli.run_options import make_parser, new_plan
from search.storage.local import LocalPath
from tests.support.real_campaign import own_tables, real_campaign

STUDY = "tg_from_tm.random.stl"
FLAGS = "--methods stl svr --splits random --trials 1 --epochs 2 --grace-steps 25 --validation-folds 2 --name tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A campaign of two methods."""
    place = tmp_path_factory.mktemp("campaigns")
    plan, _ = new_plan(make_parser().parse_args([*own_tables(place), *FLAGS.split()]), gpu=False)
    real_campaign(plan, LocalPath(place / "tiny"))
    return place / "tiny"


def rerun(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["rerun_study.py", *map(str, words)])
    return rerun_study.main()


@pytest.mark.parametrize("method", ["stl", "svr"])
def test_every_number_of_a_study_comes_out_again(folder, monkeypatch, capsys, method):
    assert rerun(monkeypatch, folder, STUDY.replace("stl", method)) == 0
    out = capsys.readouterr().out
    assert out.count("validation RMSE") == 1
    assert out.count("test RMSE") == 1
    assert "the same numbers" in out


def test_another_number_is_told_and_is_the_exit_code(folder, monkeypatch, capsys):
    monkeypatch.setattr(rerun_study, "train", _other(rerun_study.train))
    before = sorted(path for path in folder.rglob("*"))
    assert rerun(monkeypatch, folder, STUDY.replace("stl", "svr"), "--winner-only") == 1
    out = capsys.readouterr().out
    assert out.count("validation RMSE") == 1
    assert ": different" in out
    assert "1 numbers differ" in out
    assert sorted(path for path in folder.rglob("*")) == before


def _other(train):
    return lambda *args: 1.01 * train(*args)


def test_a_study_that_is_not_there_is_named(folder, monkeypatch, capsys):
    assert rerun(monkeypatch, folder, "nothing") == 2
    assert STUDY in capsys.readouterr().err

"""References of a campaign: tested once, shown beside the winners, said in words."""

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from gear.errors import StorageError
from search import load_campaign
from search.cli.leaderboard import print_leaderboard
from search.results.references import judge_references, read_references
from search.results.winners import leaderboard
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath

RECORDED = Path(__file__).parents[3] / "campaigns" / "format2"  # ef_from_hv, random: tiny models, 4 epochs
FILE = "references/ef_from_hv.random.json"


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaigns") / "mine"
    shutil.copytree(RECORDED, folder)
    campaign = load_campaign("mine", str(folder.parent)).campaign
    with CampaignStore.resume(LocalPath(folder)) as store:
        judge_references(campaign, store, pytest.fail)
        written = (folder / FILE).read_bytes()
        judge_references(campaign, store, pytest.fail)
        assert (folder / FILE).read_bytes() == written
    return campaign, LocalPath(folder)


def test_they_are_tested_on_the_molecules_of_the_winners(judged):
    campaign, folder = judged
    mean, svr = read_references(campaign, folder)
    study = campaign.studies["ef_from_hv.random.stl"]
    assert (mean.name, svr.name) == ("mean", "svr")
    assert mean.judged_on == (study.finished[-1].split_hash, study.finished[-1].data_hash)
    assert mean.scores["n"] == study.finished[-1].scores["n"]
    assert svr.scores["rmse"] < mean.scores["rmse"]


def test_a_winner_that_loses_to_what_takes_a_minute_is_said_so(judged):
    campaign, folder = judged
    board = leaderboard(campaign, load_campaign(folder.name, folder.parent).head, folder)
    screen = Console(file=io.StringIO(), width=160)
    print_leaderboard(screen, board)
    text = screen.file.getvalue()
    assert "ef_from_hv.random: untuned SVR" in text
    assert "ef_from_hv.random: mean" in text
    assert "higher than of an untuned support vector machine (95 % interval" in text
    assert "do not use this model" in text


def test_a_campaign_without_them_has_none(tmp_path):
    shutil.copytree(RECORDED, tmp_path / "mine")
    result = load_campaign("mine", str(tmp_path))
    assert read_references(result.campaign, result.folder) == []
    assert leaderboard(result.campaign, result.head, result.folder).reference_changes == {}


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"scores": {"svr": {}}})])
def test_a_damaged_file_is_named(content, tmp_path):
    shutil.copytree(RECORDED, tmp_path / "mine")
    (tmp_path / "mine/references").mkdir()
    (tmp_path / "mine" / FILE).write_text(content)
    result = load_campaign("mine", str(tmp_path))
    with pytest.raises(StorageError, match="holds no references"):
        read_references(result.campaign, result.folder)

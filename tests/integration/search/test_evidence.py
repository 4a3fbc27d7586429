"""What a winner is judged by, in the card of its export, in the registry and in the report."""

import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from gear.evaluation import evaluate
from gear.export import load_export
from search.results.finalize import deliver, judge_results
from search.results.rebuild import rebuild
from search.storage.campaign_store import CampaignStore
from search.storage.local import LocalPath
from search.storage.snapshot import take_snapshot
from tests.support.report_page import page_of, words
from tracking.client import open_client
from tracking.evidence_file import read_evidence
from tracking.report.reading import read_campaigns

RECORDED = Path(__file__).parents[2] / "campaigns" / "format2"  # ef_from_hv, random: tiny models, 4 epochs
VERDICT = "does not beat an untuned support vector machine: do not use this model"


@pytest.fixture(scope="module")
def concluded(template, tmp_path_factory):
    """A campaign whose winners were exported and registered, as the driver does after the search."""
    scratch = tmp_path_factory.mktemp("concluded")
    shutil.copytree(RECORDED, scratch / "mine")
    shutil.copy(template, scratch / "mlflow.db")
    folder, uri = LocalPath(scratch / "mine"), f"sqlite:///{scratch / 'mlflow.db'}"
    snapshot = take_snapshot(folder)
    rebuild(folder, snapshot, uri)
    with CampaignStore.resume(folder) as store, pytest.MonkeyPatch.context() as patch:
        predicted = Mock(side_effect=evaluate.predict_held_out)
        patch.setattr(evaluate, "predict_held_out", predicted)
        for _ in range(2):  # an interrupted driver does it again
            judge_results(snapshot.campaign, store, pytest.fail)
            deliver(snapshot.campaign, store, uri, pytest.fail)
    assert predicted.call_count == 2  # each of the two winners once
    return scratch / "mine", uri


@pytest.mark.parametrize("method", ["gear", "stl"])
def test_the_card_compares_with_an_untuned_reference_and_warns(concluded, method):
    export = concluded[0] / f"exports/ef_from_hv.random.{method}"
    card = (export / "README.md").read_text()
    assert "| against an untuned support vector machine | test RMSE of " in card
    assert f"## Warnings\n\n- {method[0].upper()}{method[1:]} {VERDICT}.\n" in card
    assert "| warnings |" not in card
    assert load_export(export).info["evidence"]["warnings"][0] == f"{method} {VERDICT}"


def test_the_registry_has_the_references_numbers_and_the_warning(concluded):
    client = open_client(concluded[1])
    versions = client.search_model_versions("name = 'gear.ef_from_hv.random'")
    known = [read_evidence(version) for version in versions]
    assert {tags["method"] for tags in known} == {"gear", "stl"}
    for version, tags in zip(versions, known, strict=True):
        method = tags["method"]
        assert float(tags["reference_test_rmse"]) < float(tags["test_rmse"])
        assert tags["against_reference"].endswith(f"; {method} {VERDICT}")
        assert tags["warnings"].startswith(f"{method} {VERDICT}")
        assert f"Against an untuned support vector machine: {tags['against_reference']}." in version.description
        assert "| untuned SVR |  | " in version.description
        assert f"**Warnings**: {method} {VERDICT}" in version.description


def test_the_references_are_recorded_once_and_the_report_shows_them(concluded):
    client = open_client(concluded[1])
    (campaign,) = read_campaigns(client, ["mine"])
    assert [(found.name, found.pair, found.split) for found in campaign.references] == [
        ("mean", "ef_from_hv", "random"),
        ("svr", "ef_from_hv", "random"),
    ]
    text = words(page_of([campaign]))
    assert "beats an untuned support vector machine (SVR) on 0 of 1 pair under a split." in text
    assert "ef_from_hv random untuned SVR" in text


def test_the_champion_is_the_same_in_the_terminal_and_in_the_report(concluded):
    from search import load_campaign

    (study,) = load_campaign("mine", str(concluded[0].parent)).champions().values()
    (campaign,) = read_campaigns(open_client(concluded[1]), ["mine"])
    weakest = words(page_of([campaign])).partition("Weakest against it: ef_from_hv random: test RMSE of ")[2]
    assert weakest.startswith(study.rpartition(".")[2])

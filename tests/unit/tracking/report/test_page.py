"""The report: the page stands alone, and the command that makes it."""

import dataclasses
import html.parser
import re
import shutil
import sys
import uuid
import xml.etree.ElementTree as ET

import pytest

import tracking
from gear.drafts import draft_name
from gear.errors import StorageError
from tests.support.fake_records import LARGE, SMALL, Study, large_campaign, record, study, trial
from tests.support.report_page import NOW, page_of, words
from tracking.client import open_client
from tracking.report import __main__ as command
from tracking.report.campaigns import CampaignRecord
from tracking.report.drawing import Dots, Drawing, to_svg
from tracking.report.page import make_page
from tracking.report.publish import plots_folder, write_page
from tracking.report.reading import read_campaigns
from tracking.report.study_charts import curves_chart

METHODS = ("gear", "stl")


class Reader(html.parser.HTMLParser):
    """Keeps ids, links, what is loaded, and elements left open."""

    VOID = ("meta", "link", "input", "br")

    def __init__(self, page):
        super().__init__()
        self.ids, self.links, self.loaded, self.open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"])
        self.loaded += [given[name] for name in ("src", "data", "srcset") if name in given]
        if tag == "link":
            self.loaded.append(given["href"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def full(template, tmp_path_factory):
    """The page of a campaign with everything in it."""
    folder = tmp_path_factory.mktemp("full")
    shutil.copy(template, folder / "mlflow.db")
    uri, many = f"sqlite:///{folder}/mlflow.db", ("complete", "pruned") * 5 + ("failed",) * 2
    client = open_client(uri)
    record(
        client,
        uri,
        "quick-1",
        Study(states=many, errors=SMALL),
        Study(method="stl", states=many, errors=LARGE),
        Study(split="scaffold", states=("failed",), test=None),
    )
    return make_page(read_campaigns(client, []), NOW)


def test_the_page_is_whole_and_loads_nothing(full):
    reader = Reader(full.html)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    assert reader.loaded == ["data:,"]
    assert "default-src 'none'" in full.html
    assert not re.search(r"url\(|@import|https?://", full.html)


def test_every_chart_is_on_the_page_with_words_for_who_cannot_see_it(full):
    kinds = {re.sub(r".*-", "", drawing.name) for drawing in full.drawings}
    assert kinds == {"random", "curvature", "weights", "parity", "curves", "importance", "parallel"}
    assert full.html.count('role="img"') == len(full.drawings)
    assert all(drawing.description for drawing in full.drawings)
    assert len({drawing.name for drawing in full.drawings}) == len(full.drawings)
    for drawing in full.drawings:
        ET.fromstring(to_svg(drawing))


def test_trials_that_were_fitted_at_once_are_drawn_by_their_number():
    fitted = study([trial(number, 0.5 - 0.1 * number, epochs=1) for number in range(3)], method="svr")
    chart = curves_chart("name", fitted, 100)
    assert chart.title == "Trials of hv_from_ds.random.svr"
    assert "The winner, trial 2, reaches a validation RMSE of 0.3000." in chart.description
    dots = [mark for mark in chart.marks if isinstance(mark, Dots)]
    xs = [mark.points[0][0] for mark in dots[:3]]
    assert xs == sorted(set(xs))
    assert curves_chart("name", study([trial(0, epochs=2)]), 100).title == "Learning curves of hv_from_ds.random.gear"


def test_causes_that_differ_in_their_numbers_are_counted_together(full):
    text = words(full.html)
    assert "failed at epoch … 5 hv_from_ds.random.gear, hv_from_ds.random.stl, hv_from_ds.scaffold.gear" in text


def test_the_head_says_what_was_searched(full):
    assert "3 studies: 1 pair × 2 splits × 2 methods (gear, stl); 25 trials." in words(full.html)


def test_results_over_all_folds_stand_for_the_folds():
    folds = [study([trial()], method, split=f"random-cv{k}", test_rmse=0.4) for k in range(1, 6) for method in METHODS]
    joined = [
        dataclasses.replace(study([], method, split="random-cv", test_rmse=error), parts="gear, gear, stl, gear, gear")
        for method, error in (("gear", 0.3), ("stl", 0.4), ("champion", 0.2))
    ]
    campaign = CampaignRecord("small-1", "1", (*folds, *joined), {}, {}, 0.0, 60.0)
    text = words(page_of([campaign]))
    assert "Transfer helped on 1 of 1 comparison" in text
    assert "hv_from_ds random-cv: test RMSE of gear is 25.0 % lower than of stl" in text
    assert "10 studies: 1 pair × 5 splits × 2 methods" in text
    assert text.count("5 folds tested 1×") == 3
    assert "Winners of the folds, each tested on its own part: gear, gear, stl, gear, gear." in text
    assert [study.split for study in campaign.results] == ["random-cv"] * 3
    assert CampaignRecord("small-1", "1", tuple(folds), {}, {}, 0.0, 60.0).results == folds


def test_settings_are_shown_in_words():
    settings = {"vary": "('embedding.kind', 'transfer.frame')", "earlier_campaigns": "()", "sampler": "tpe"}
    text = words(page_of([CampaignRecord("quick-1", "1", (study([trial()]),), settings, {}, 0.0, 60.0)]))
    assert "earlier_campaigns none sampler tpe vary embedding.kind, transfer.frame" in text


def test_sources_of_a_target_are_ranked_and_none_may_help(recorded):
    (campaign,) = recorded(
        Study(pair="hv_from_ds", test=0.6),
        Study(pair="hv_from_ds", method="stl", test=0.5),
        Study(pair="hv_from_bp", test=0.55, hash="s2"),
        Study(pair="hv_from_bp", method="stl", test=0.5, hash="s2"),
    )
    text = words(page_of([campaign]))
    assert "hv random: none helps" in text
    section = text[text.index("hv random: none helps") :]
    assert section.index("bp gear +10.0 %") < section.index("ds gear +20.0 %")


def test_a_campaign_that_was_cut_short_has_a_page_too(recorded):
    (campaign,) = recorded(
        Study(states=("running", "interrupted"), test=None), Study(method="stl", states=(), test=None)
    )
    text = words(page_of([campaign]))
    assert "no winner" in text
    assert "not tested" in text


def test_names_of_a_user_are_shown_as_they_are(recorded):
    page = page_of(recorded(Study(), campaign="<script>alert(1)</script>"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_of_a_benchmark_is_small_and_folded():
    campaign = large_campaign()
    page = make_page([campaign], NOW)
    assert len(campaign.studies) == 46
    assert len(page.html.encode()) < 10e6
    assert "<details open" not in page.html.partition('id="studies"')[2].partition('id="failures"')[0]


# the command


@pytest.fixture
def report(uri, tmp_path, monkeypatch, capsys):
    """Runs the command."""

    def run(*flags):
        argv = ["tracking.report", "--tracking-uri", uri, "--to", str(tmp_path / "report.html"), *flags]
        monkeypatch.setattr(sys, "argv", argv)
        code = command.main()
        return code, capsys.readouterr()

    return run


def logged(client, experiment):
    """Artifacts of the runs of reports."""
    runs = client.search_runs(
        [client.get_experiment_by_name(experiment).experiment_id], "attributes.run_name = 'report'"
    )
    return [
        [artifact.path for folder in (None, "plots") for artifact in client.list_artifacts(run.info.run_id, folder)]
        for run in runs
    ]


def test_page_and_plots_are_written_and_logged(report, recorded, client, tmp_path):
    recorded(Study(errors=SMALL), Study(method="stl", errors=LARGE))
    code, _ = report()
    assert code == 0
    assert "Transfer helped on 1 of 1" in (tmp_path / "report.html").read_text()
    plots = {path.name for path in plots_folder(tmp_path / "report.html").iterdir()}
    assert {"change-random.png", "change-random.svg", "hv_from_ds.random.gear-parity.png"} <= plots
    (artifacts,) = logged(client, "quick-1")
    assert {"report.html", *(f"plots/{name}" for name in plots)} <= set(artifacts)


def test_a_report_replaces_the_one_before(report, recorded, client, tmp_path):
    recorded(Study(), Study(method="stl"))
    report()
    stale = client.search_runs(
        [client.get_experiment_by_name("quick-1").experiment_id], "tags.`gear.study` = 'hv_from_ds.random.stl'"
    )
    for run in stale:
        client.delete_run(run.info.run_id)
    code, _ = report()
    assert code == 0
    (artifacts,) = logged(client, "quick-1")
    assert "plots/hv_from_ds.random.gear-curves.png" in artifacts
    assert "plots/hv_from_ds.random.stl-curves.png" not in artifacts
    assert not (plots_folder(tmp_path / "report.html") / "hv_from_ds.random.stl-curves.png").exists()


class Blank:
    """A page with one drawing that has nothing on it."""

    html = "<p>new</p>"
    drawings = (Drawing("chart", "a chart", "nothing", 10, 10),)


def test_planted_links_are_not_followed(tmp_path, monkeypatch):
    """Of the page, of a plot, of a draft whose name somebody has guessed, and of the folder of plots."""
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=7))
    to, victim = tmp_path / "report.html", tmp_path / "precious.svg"
    victim.write_text("precious")
    plots_folder(to).mkdir()
    for planted in (to, plots_folder(to) / "chart.svg", plots_folder(to) / "chart.png"):
        planted.symlink_to(victim)
    write_page(Blank, to)
    assert not any(path.is_symlink() for path in (to, *plots_folder(to).iterdir()))
    draft_name(plots_folder(to) / "chart.png").symlink_to(victim)
    with pytest.raises(StorageError, match="cannot write"):
        write_page(Blank, to)
    other = tmp_path / "other.html"
    plots_folder(other).symlink_to(tmp_path)
    with pytest.raises(StorageError, match="other-plots is a link"):
        write_page(Blank, other)
    assert victim.read_text() == "precious"


def test_a_report_on_several_campaigns_has_an_experiment_of_its_own(report, recorded, client):
    recorded(Study(), campaign="one")
    recorded(Study(), campaign="two")
    for _ in range(2):
        assert report()[0] == 0
    assert len(logged(client, "reports")) == 1
    assert logged(client, "one") == []
    assert report("--campaign", "two")[0] == 0
    assert len(logged(client, "two")) == 1


def test_nothing_is_logged_on_request(report, recorded, client):
    recorded(Study())
    assert report("--no-log")[0] == 0
    assert logged(client, "quick-1") == []


def test_a_report_from_python_is_the_page_that_it_names(uri, recorded, client, tmp_path):
    recorded(Study(errors=SMALL), Study(method="stl", errors=LARGE))
    said = []
    page = tracking.write_report(uri, str(tmp_path / "found.html"), ["quick-1"], log=False, say=said.append)
    assert page == tmp_path / "found.html"
    expected = "test RMSE of gear is 96.7 % lower than of stl (95 % interval 96.7 to 96.7 %, 50 test molecules)"
    assert expected in words(page.read_text())
    assert said[-1].startswith(f"{page}: ")
    assert logged(client, "quick-1") == []


def test_what_a_user_gets_wrong_is_one_line(report, recorded, tmp_path):
    recorded(Study())
    for flags, line in (
        (["--campaign", "gone"], "error: unknown campaign 'gone'; known: Default, quick-1\n"),
        (["--to", str(tmp_path / "no" / "r.html")], f"error: cannot write {tmp_path}/no/r.html: there is no folder "),
        (["--tracking-uri", f"sqlite:///{tmp_path}/gone.db"], f"error: there is no {tmp_path}/gone.db: run a search"),
    ):
        code, printed = report(*flags)
        assert code == 2
        assert printed.err.startswith(line)
        assert printed.err.count("\n") == 1

"""The report: what it compares, what it says, and that the page stands alone."""

import datetime
import html.parser
import io
import re
import shutil
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gear.errors import StorageError, UnknownNameError
from tests.tracking.fakes import Study, large_campaign, record, study, trial
from tracking.client import open_client
from tracking.report import __main__ as command
from tracking.report.axes import span
from tracking.report.campaigns import Part, read_campaigns
from tracking.report.compare import averages, best_transfer, changes, learns_logarithm, verdict
from tracking.report.drawing import Bar, Dots, Drawing, Line, Text, to_svg
from tracking.report.page import make_page
from tracking.report.publish import plots_folder
from tracking.report.raster import to_png
from tracking.report.settings import relative_values, running_median, varied

NOW = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
SMALL, LARGE = tuple(0.1 * (-1) ** k for k in range(50)), tuple(3.0 * (-1) ** k for k in range(50))


@pytest.fixture
def recorded(uri, client):
    """Writes studies to MLflow and gives what the report reads of them."""

    def write(*studies, campaign="quick-1"):
        record(client, uri, campaign, *studies)
        return read_campaigns(client, [])

    return write


def page_of(campaigns):
    return make_page(campaigns, NOW).html


def words(page):
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("</style>")[2]))


# what is compared


def test_a_study_is_compared_with_single_task_training_on_the_same_split(recorded):
    (campaign,) = recorded(Study(test=0.4), Study(method="stl", test=0.5))
    (change,) = changes(campaign.studies)
    assert change.change == pytest.approx(-0.2)
    assert (change.study.method, change.baseline.method) == ("gear", "stl")


def test_studies_on_other_molecules_are_not_compared(recorded):
    (campaign,) = recorded(Study(), Study(method="stl", hash="another"))
    assert changes(campaign.studies) == []
    assert "cannot be said" in words(page_of([campaign]))


def test_a_campaign_is_compared_with_its_own_single_task_training_first(recorded):
    recorded(Study(test=0.4), Study(method="stl", test=0.5), campaign="one")
    campaigns = recorded(Study(method="stl", test=0.8, validation=0.1), campaign="two")
    found = changes([s for campaign in campaigns for s in campaign.studies])
    assert [change.change for change in found] == [pytest.approx(-0.2)]


def test_the_verdict_is_on_the_method_that_validation_chooses(recorded):
    """Never on the one that does best on test."""
    studies = (
        Study(validation=0.3, test=0.6),
        Study(method="mtl", validation=0.4, test=0.2),
        Study(method="stl", test=0.5),
    )
    (campaign,) = recorded(*studies)
    found = changes(campaign.studies)
    assert [change.study.method for change in best_transfer(found)] == ["gear"]
    assert verdict(campaign.studies, found).helped == 0
    assert "Transfer helped on 0 of 1 comparison" in words(page_of([campaign]))


def test_an_effect_on_every_molecule_is_beyond_chance_and_none_is_not(recorded):
    (campaign,) = recorded(
        Study(errors=SMALL),
        Study(method="mtl", errors=LARGE[::-1]),
        Study(method="stl", errors=LARGE),
    )
    better, same = changes(campaign.studies)
    assert better.sure
    assert better.interval.high < -0.9
    assert better.p < 0.01
    assert not same.sure
    assert same.p > 0.5


def test_only_molecules_that_both_have_predicted_count(recorded):
    """The last ten errors of the longer one are huge, and have no partner."""
    (campaign,) = recorded(Study(errors=LARGE + (500.0,) * 10), Study(method="stl", errors=LARGE))
    (change,) = changes(campaign.studies)
    assert change.interval.low == pytest.approx(0, abs=1e-9)


def test_without_predictions_there_is_neither_interval_nor_p(recorded):
    (campaign,) = recorded(Study(), Study(method="stl", test=0.5))
    (change,) = changes(campaign.studies)
    assert (change.interval, change.p, change.sure) == (None, None, False)
    text = words(page_of([campaign]))
    assert "were not recorded, so chance cannot be told from effect" in text
    assert "Predictions not recorded, so there is no parity plot" in text


@pytest.mark.parametrize("log", [True, False])
def test_whether_models_see_the_logarithm_is_told_from_their_errors(log):
    generator = np.random.default_rng(1)
    true = 10 ** generator.normal(1, 0.4, 300)
    studies = []
    for method, size in (("gear", 0.1), ("stl", 0.3)):
        if log:
            predicted = true * 10 ** generator.normal(0, size, 300)
            standardised = float(np.sqrt(np.square(np.log10(predicted / true)).mean())) / 0.4
        else:
            predicted = np.abs(true + generator.normal(0, size, 300))
            standardised = float(np.sqrt(np.square(predicted - true).mean())) / 12
        parts = {"test": Part(np.arange(300).astype(str), true, predicted)}
        studies.append(study([trial()], method, predictions=parts, test_rmse=standardised))
    assert learns_logarithm(studies) is log


def test_folds_are_averaged_with_their_spread(recorded):
    folds = [
        Study(split=f"random-fold{k}", method=method, test=test, hash=f"s{k}")
        for k, tests in ((1, (0.4, 0.5)), (2, (0.6, 0.5)))
        for method, test in zip(("gear", "stl"), tests, strict=True)
    ]
    (campaign,) = recorded(*folds, Study(split="scaffold"))
    gear, stl = averages(campaign.studies, changes(campaign.studies))
    assert (gear.split, gear.method, gear.n) == ("random", "gear", 2)
    assert gear.test_rmse == pytest.approx((0.5, 0.1 * 2**0.5))
    assert gear.change == pytest.approx((0.0, 0.2 * 2**0.5))
    assert stl.change is None


# what is read


def test_trials_are_read_with_their_ends_and_curves(recorded):
    (campaign,) = recorded(Study())
    (found,) = campaign.studies
    assert [(t.number, t.state, t.ran) for t in found.trials] == [
        (0, "complete", True),
        (1, "pruned", True),
        (2, "failed", False),
    ]
    assert [epoch for epoch, _ in found.trials[0].curve] == [1, 2, 3]
    assert found.trials[2].curve == ()  # none of its numbers is one
    assert found.winner.number == 0
    assert found.geometry["rho_correlation"] == (0.25, 0.75)


def test_a_configuration_trained_again_is_no_trial_of_the_search(recorded):
    (campaign,) = recorded(Study(states=("complete",) * 3, origins={2: "refit of #0"}))
    (found,) = campaign.studies
    assert [t.number for t in found.trials] == [0, 1]
    assert [t.number for t in found.repeats] == [2]
    assert "Trained again with other seeds: 1 trials" in words(page_of([campaign]))


def test_models_that_were_tested_together_are_told_beside_each_alone(recorded):
    (campaign,) = recorded(Study(metrics={"test_models": 4, "test_rmse_alone": 0.41, "test_rmse_alone_sd": 0.02}))
    assert "Tested as 4 models together; alone their test RMSE is 0.4100 ± 0.0200." in words(page_of([campaign]))


def test_recorded_intervals_are_shown(recorded):
    (campaign,) = recorded(Study(metrics={"test_rmse_low": 0.3511, "test_rmse_high": 0.4522}))
    assert "0.3511 to 0.4522" in words(page_of([campaign]))


def test_campaigns_are_chosen_by_name_and_runs_of_others_left_out(recorded, client):
    recorded(Study(), campaign="one")
    client.create_run(client.get_experiment_by_name("one").experiment_id, run_name="mine")
    recorded(Study(method="stl"), campaign="two")
    assert [campaign.name for campaign in read_campaigns(client, [])] == ["one", "two"]
    (one,) = read_campaigns(client, ["one"])
    assert [s.method for s in one.studies] == ["gear"]


def test_a_campaign_that_is_not_there_is_one_line(recorded, client):
    with pytest.raises(StorageError, match="holds no campaign: run a search first"):
        read_campaigns(client, [])
    recorded(Study())
    with pytest.raises(UnknownNameError, match="unknown campaign 'gone'"):
        read_campaigns(client, ["gone"])


# what the settings do


def ten(**more):
    """Ten trials whose RMSE rises with one weight and has nothing to do with the depth."""
    depths = [1, 2, 3, 3, 2, 1, 1, 2, 3, 1]
    settings = [{"weights.curv": 0.1 * 2**k, "transfer.depth": depths[k], "seed": k, "gain": 2.0} for k in range(10)]
    return [trial(k, 0.3 + 0.05 * k, **(settings[k] | {n: v[k] for n, v in more.items()})) for k in range(10)]


def test_the_setting_that_orders_the_values_comes_first():
    first, second = varied(study(ten()))
    assert (first.name, round(first.weight, 6), round(first.direction, 6)) == ("weights.curv", 1, 1)
    assert second.name == "transfer.depth"
    assert second.weight < 0.5
    assert first.log
    assert not second.log


def test_words_count_by_how_far_they_part_the_values():
    kind, *_ = varied(study(ten(kind=["dmpnn"] * 5 + ["text"] * 5, other=["a", "b"] * 5)))
    assert kind.name == "weights.curv"
    by_name = {
        setting.name: setting for setting in varied(study(ten(kind=["x"] * 5 + ["y"] * 5, other=["a", "b"] * 5)))
    }
    assert by_name["kind"].weight > 0.8
    assert by_name["other"].weight < 0.3
    assert not by_name["kind"].numeric


def test_importance_that_the_search_recorded_is_taken_as_it_is():
    first, second = varied(study(ten(), **{"importance/transfer.depth": 0.7, "importance/weights.curv": 0.3}))
    assert (first.name, first.weight, first.recorded) == ("transfer.depth", 0.7, True)
    assert second.weight == 0.3


def test_few_trials_say_nothing_of_settings():
    assert varied(study(ten()[:5])) == []


def test_running_median_follows_a_trend_and_not_an_outlier():
    x = np.arange(30.0)
    y = 2 * x
    y[15] = 1000
    line = np.array(running_median(x, y))
    np.testing.assert_allclose(line[:, 1], 2 * line[:, 0], atol=3)
    assert running_median(x[:5], y[:5]) == []


def test_studies_are_laid_on_each_other_by_their_medians():
    assert relative_values([trial(k, v) for k, v in enumerate((0.2, 0.4, 0.8))]) == pytest.approx([0.5, 1, 2])


# how it is drawn


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_lie_on_the_axis_in_order_and_tell_at_least_two_values(low, extent, log):
    scale = span([low, low + extent], 0, 100, log=log)
    for most in (3, 5, 8):
        ticks = scale.ticks(most)
        assert 2 <= len(ticks) <= most + 2
        assert ticks == sorted(set(ticks))
        assert all(scale.low - 1e-9 * extent <= tick <= scale.high + 1e-9 * extent for tick in ticks)


def test_values_are_placed_in_proportion_and_never_off_the_axis():
    scale = span([1, 100], 0, 100, log=True)
    assert scale(10) == pytest.approx(50)
    assert (scale(1e-9), scale(1e9)) == (0, 100)


MARKS = [
    Bar(10, 20, 30, 40, "blue", label='a "bar" & more'),
    Line(((0, 0), (90, 50)), "ink"),
    Dots(((80, 60),), "orange", 5),
    Dots(((20, 90),), "green", 5, hollow=True),
    Text(50, 90, "a < b", turned=True),
]


def test_a_drawing_is_well_formed_and_speaks_for_itself():
    drawing = Drawing("name", "a < b", "all & everything", 100, 100, MARKS)
    for inline in (True, False):
        root = ET.fromstring(to_svg(drawing, inline=inline))
        assert root.attrib["aria-label"] == "a < b. all & everything"
        assert root.attrib["role"] == "img"
        assert 'a "bar" & more' in [element.text for element in root.iter() if element.tag.endswith("title")]


def test_on_a_page_colours_follow_the_page_and_in_a_file_they_are_fixed():
    drawing = Drawing("name", "title", "", 100, 100, MARKS)
    assert "var(--blue)" in to_svg(drawing, inline=True)
    assert "#" not in to_svg(drawing, inline=True)
    assert "var(" not in to_svg(drawing)


def test_the_picture_shows_what_the_drawing_says():
    image = Image.open(io.BytesIO(to_png(Drawing("name", "title", "", 100, 100, MARKS)))).convert("RGB")
    assert image.size == (160, 160)

    def at(x, y):
        return "#{:02x}{:02x}{:02x}".format(*image.getpixel((int(x * 1.6), int(y * 1.6))))

    assert at(15, 55) == "#0072b2"  # the bar
    assert at(80, 60) == "#c65000"  # the disc
    assert at(20, 90) == "#ffffff"  # inside the ring
    assert at(5, 70) == "#ffffff"


# the page


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


def test_causes_that_differ_in_their_numbers_are_counted_together(full):
    text = words(full.html)
    assert "failed at epoch … 5 hv_from_ds.random.gear, hv_from_ds.random.stl, hv_from_ds.scaffold.gear" in text


def test_the_head_says_what_was_searched(full):
    assert "3 studies: 1 pair × 2 splits × 2 methods (gear, stl); 25 trials." in words(full.html)


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

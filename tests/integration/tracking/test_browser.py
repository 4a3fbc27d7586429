"""What a person sees in a real browser, chromium: the report, and MLflow's page over a campaign."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.fake_records import Study, record
from tests.support.mlflow_story import record as record_as_a_search
from tests.support.mlflow_story import story
from tracking.client import open_client
from tracking.mlflow_page import runs_address
from tracking.report import __main__ as command

api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[browser]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")

PATIENCE = 120_000  # milliseconds, on a busy machine
ERRORS = tuple(0.1 * (-1) ** k for k in range(50))
WORSE = tuple(3.0 * (-1) ** k for k in range(50))


@pytest.fixture(scope="module")
def store(template, tmp_path_factory):
    """A folder with the MLflow of a campaign of two pairs, and its report."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copy(template, folder / "mlflow.db")
    uri, many = f"sqlite:///{folder}/mlflow.db", ("complete", "pruned") * 5
    studies = [
        Study(pair, "random", method, errors=errors, states=many, hash=pair)
        for pair in ("hv_from_ds", "dk_from_lp")
        for method, errors in (("gear", ERRORS), ("stl", WORSE))
    ]
    record(open_client(uri), uri, "quick-1", *studies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tracking.report", "--tracking-uri", uri, "--to", str(folder / "report.html")])
        assert command.main() == 0
    return folder


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


class Tab:
    """A page, what it asked for and what it complained of."""

    def __init__(self, browser, **options):
        self.page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        self.page.set_default_timeout(PATIENCE)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def report(browser, store):
    """Opens the report, light or dark."""

    def open_report(scheme="light"):
        tab = Tab(browser, color_scheme=scheme)
        tab.page.goto((store / "report.html").as_uri())
        return tab

    return open_report


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_the_report_opens_alone_and_without_complaint(report, store):
    tab = report()
    assert tab.requests == [(store / "report.html").as_uri()]
    assert tab.complaints == []
    for heading in ("Does transfer help?", "Leaderboard", "Do the curvatures meet?", "Studies", "What was run"):
        assert tab.page.get_by_role("heading", name=heading).is_visible()
    assert "Transfer helped on 2 of 2" in tab.page.locator("#verdict").inner_text()
    assert tab.page.get_by_role("img", name="Learning curves of hv_from_ds.random.gear").is_visible()
    assert tab.page.evaluate("document.body.scrollWidth <= innerWidth")


def test_it_is_dark_where_the_system_is_and_where_a_person_wants(report):
    light, dark = report("light").page, report("dark").page
    assert (background(light), background(dark)) == ("rgb(255, 255, 255)", "rgb(21, 25, 30)")
    bar = "getComputedStyle(document.querySelector('figure rect')).fill"
    assert light.evaluate(bar) != dark.evaluate(bar)
    light.get_by_role("button", name="Dark").click()
    assert background(light) == "rgb(21, 25, 30)"
    light.get_by_role("button", name="Light").click()
    assert background(light) == "rgb(255, 255, 255)"


def test_paper_is_white_and_nothing_is_folded_away(report):
    page = report("dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert background(page) == "rgb(255, 255, 255)"
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0


def test_the_leaderboard_is_filtered_and_sorted(report):
    page = report().page
    rows = page.locator("#board tbody tr:visible")
    assert rows.count() == 4
    page.get_by_label("Show").fill("dk stl")
    assert rows.count() == 1
    assert page.locator("details[data-words]:visible").count() == 1
    page.get_by_label("Show").fill("")
    for expected in (["gear", "gear", "stl", "stl"], ["stl", "stl", "gear", "gear"]):
        page.get_by_role("button", name="test RMSE").click()
        assert [rows.nth(k).locator("td").nth(1).inner_text() for k in range(4)] == expected


@pytest.fixture(scope="module")
def mlflow_page(store):
    """MLflow's own page over the store, on this machine only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        Path(sys.executable).with_name("mlflow"),
        "ui",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    words += ["--backend-store-uri", f"sqlite:///{store}/mlflow.db"]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (
        open(store / "ui.log", "w") as log,
        subprocess.Popen(words, stdout=log, stderr=log, env=quiet, cwd=store) as ui,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/health", ui)
            yield f"http://127.0.0.1:{port}"
        finally:
            ui.terminate()


def _wait(address, process):
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail("mlflow ui did not start")


@pytest.mark.slow
def test_mlflows_page_lists_filters_opens_and_draws_a_campaign(mlflow_page, browser, store):
    tab = Tab(browser)
    page, experiment = tab.page, open_client(f"sqlite:///{store}/mlflow.db").get_experiment_by_name("quick-1")
    page.goto(f"{mlflow_page}/#/experiments/{experiment.experiment_id}/runs")
    page.get_by_role("link", name="hv_from_ds.random.stl").wait_for()
    page.get_by_role("link", name="dk_from_lp.random.stl").wait_for()

    search = page.get_by_test_id("search-box")
    search.fill("tags.`gear.pair` = 'hv_from_ds'")
    search.press("Enter")
    page.get_by_role("link", name="dk_from_lp.random.stl").wait_for(state="detached")

    study = page.get_by_role("row").filter(has_text="hv_from_ds.random.stl").first
    study.get_by_role("button").first.click()
    page.get_by_role("link", name="stl #0").wait_for()

    page.locator("label:has(input[name=runs-view-mode][value=CHART])").click()
    page.locator(".js-plotly-plot").first.wait_for()
    assert all("127.0.0.1" in url or url.startswith(("data:", "blob:")) for url in tab.requests)


@pytest.mark.slow
def test_the_address_that_is_printed_opens_the_runs_with_their_numbers(mlflow_page, browser, store):
    uri = f"sqlite:///{store}/mlflow.db"
    record_as_a_search(uri, *story(), campaign="quick-2")
    experiment = open_client(uri).get_experiment_by_name("quick-2")
    tab = Tab(browser)
    tab.page.goto(runs_address(mlflow_page, experiment.experiment_id))
    tab.page.get_by_role("link", name="gear random hv_from_ds", exact=True).wait_for()
    for column in ("best_validation_rmse", "test_rmse"):
        tab.page.get_by_role("columnheader", name=column).first.wait_for()
    tab.page.get_by_role("gridcell", name="0.5", exact=True).first.wait_for()  # the test RMSE


@pytest.mark.slow
def test_mlflows_page_shows_the_report_among_the_artifacts(mlflow_page, browser, store):
    client = open_client(f"sqlite:///{store}/mlflow.db")
    experiment = client.get_experiment_by_name("quick-1").experiment_id
    (run,) = client.search_runs([experiment], "attributes.run_name = 'report'")
    page = Tab(browser).page
    page.goto(f"{mlflow_page}/#/experiments/{experiment}/runs/{run.info.run_id}/artifacts/report.html")
    page.frame_locator("iframe").get_by_text("Transfer helped on 2 of 2").wait_for()

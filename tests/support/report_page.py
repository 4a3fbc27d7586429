"""The report's page, to be read."""

import datetime
import re

from tracking.report.page import make_page

NOW = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


def page_of(campaigns):
    return make_page(campaigns, NOW).html


def words(page):
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("</style>")[2]))

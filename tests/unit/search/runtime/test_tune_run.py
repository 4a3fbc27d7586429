"""One Tune experiment, without Ray."""

import contextlib
import signal
from types import SimpleNamespace

import pytest

from search.campaign.campaign import Campaign
from search.runtime import tune_run
from search.runtime.tune_run import Launch, run_search
from tests.support.fake_training import small_plan


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal; a shell that started the tests in the background turned it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("end", [lambda: None, lambda: signal.raise_signal(signal.SIGINT)])
def test_handlers_of_signals_are_those_of_before(end, monkeypatch):
    """Tune's own, which only ask its loop to stop, would leave Ctrl-C without effect after it."""
    asked = []

    def fit():
        for number in (signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *_: asked.append("stop"))
        end()

    monkeypatch.setattr(tune_run, "apply_patches", lambda: None)
    monkeypatch.setattr(tune_run, "_tuner", lambda *_: SimpleNamespace(fit=fit))
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)]
    assert run_search(Campaign(small_plan()), SimpleNamespace(), Launch(lambda: 1)) == "interrupted"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)] == before
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        pytest.fail("Ctrl-C had no effect")


def test_where_no_time_is_left_nothing_is_run(monkeypatch):
    monkeypatch.setattr(tune_run, "_tuner", None)
    assert run_search(Campaign(small_plan()), SimpleNamespace(), Launch(lambda: 1, 0.0)) == "out of time"

"""When a line of a log on a file system survives a crash of the machine."""

from search.storage import append_log
from search.storage.append_log import FLUSH_SECONDS, AppendedLog


def test_a_line_that_need_not_be_durable_is_on_the_disk_once_a_later_one_is_added(tmp_path, monkeypatch):
    now, synced = [0.0], []
    monkeypatch.setattr(append_log.time, "monotonic", lambda: now[0])
    log = AppendedLog(tmp_path / "events/000001.jsonl")
    monkeypatch.setattr(append_log.os, "fsync", lambda file: synced.append(now[0]))
    for _ in range(5):
        log.append(b"[]\n", durable=False)
        now[0] += FLUSH_SECONDS / 2
    assert synced == [FLUSH_SECONDS, 2 * FLUSH_SECONDS]
    log.append(b"[]\n", durable=True)
    assert synced[-1] == 2.5 * FLUSH_SECONDS

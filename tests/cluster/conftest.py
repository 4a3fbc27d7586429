"""The lab, once for all tests of it."""

import shutil
import tempfile
from pathlib import Path

import platformdirs
import pytest

from search.storage import s3
from tests.cluster.lab import Lab, what_is_missing


@pytest.fixture(scope="session")
def lab():
    """Three hosts, a storage that they have the keys of, and no cluster yet."""
    if reason := what_is_missing():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="gl", dir="/tmp"))  # sockets have short names
    folder.chmod(0o755)
    running = Lab(folder, Path(platformdirs.user_cache_dir("gear-search")))
    try:
        running.start()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in running.server.environment.items():
                patch.setenv(name, value)
            s3._client.cache_clear()
            yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)

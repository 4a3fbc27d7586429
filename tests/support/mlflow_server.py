"""MLflow's own server on loopback, in this process, and what can happen to it."""

import base64
import contextlib
import logging
import os
import random
import socket
import threading
import time
import unittest.mock

import mlflow
from mlflow.server import app, constants, handlers
from werkzeug.serving import make_server


def free_port():
    """One that the system gives to no client meanwhile, so that a server can come back to it."""
    for port in random.sample(range(20_000, 30_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


class Server:
    """Starts and stops on the same port.

    Attributes:
        environment: what it needs while it answers, which commands that a test starts must not inherit.
        password: `name:secret` that it demands; None for anybody.
        lost: paths whose next request is done, and its answer lost.
    """

    def __init__(self, database, artifacts):
        self.environment = {
            constants.BACKEND_STORE_URI_ENV_VAR: database,
            constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
            constants.ARTIFACTS_DESTINATION_ENV_VAR: str(artifacts),
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
        with unittest.mock.patch.dict(os.environ, self.environment):
            handlers._get_tracking_store()
            handlers._get_model_registry_store()  # which changes the registry of the whole process
        mlflow.set_registry_uri("")
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.password, self.lost, self.running = None, [], None

    def start(self):
        for attempt in range(100):
            try:
                self.running = make_server("127.0.0.1", self.port, self.answer, threaded=True)
                break
            except SystemExit:  # connections of the last one are still being taken down
                assert attempt < 99, f"port {self.port} stays taken"
                time.sleep(0.05)
        threading.Thread(target=self.running.serve_forever, daemon=True).start()

    def stop(self):
        self.running.shutdown()
        self.running.server_close()
        self.running = None

    def answer(self, environ, respond):
        wanted = None if self.password is None else f"Basic {base64.b64encode(self.password.encode()).decode()}"
        if wanted is not None and environ.get("HTTP_AUTHORIZATION") != wanted:
            respond("401 Unauthorized", [("Content-Type", "text/plain")])
            return [b"You are not authenticated."]
        if self.running is None:  # and the connection was kept open
            respond("503 Service Unavailable", [])
            return []
        found = app(environ, respond)
        if any(environ["PATH_INFO"].endswith(path) for path in self.lost):
            self.lost.remove(next(path for path in self.lost if environ["PATH_INFO"].endswith(path)))
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return found

"""A server that speaks S3: moto's, but it refuses what is not signed with its key, and can be made to fail."""

import datetime
import logging
import threading
from urllib.parse import unquote

import boto3
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET, KEY, SECRET = "lab", "fakekey", "fakesecret-never-to-be-seen"


def environment(host, port):
    """What whoever may use a server has in the environment."""
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Server:
    """Serves in a thread; `refusals` writes to come are carried out and answered as if they had failed."""

    def __init__(self, host="127.0.0.1", port=0):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.refusals = 0
        self._writing = threading.Lock()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(host, port, self._answer, threaded=True)
        self.environment = environment(host, self._server.server_port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=self.environment["AWS_ENDPOINT_URL"], **keys)
        self.client.create_bucket(Bucket=BUCKET)

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def contents(self):
        """Every object, by key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key: self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def make_old(self, key):
        """As if an object had been written in 1970."""
        bucket = s3_backends["123456789012"]["aws"].buckets[BUCKET]
        bucket.keys[key].last_modified = datetime.datetime(1970, 1, 1)

    def _answer(self, environ, start):
        signed = environ.get("HTTP_AUTHORIZATION", "") + unquote(environ.get("QUERY_STRING", ""))
        if f"Credential={KEY}/" not in signed:
            return _refuse(start, "403 Forbidden", "AccessDenied")
        if self.refusals and environ["REQUEST_METHOD"] == "PUT":
            self.refusals -= 1
            list(self._app(environ, lambda *_: None))
            return _refuse(start, "503 Service Unavailable", "ServiceUnavailable")
        if "HTTP_IF_NONE_MATCH" in environ:
            with self._writing:  # moto looks whether there is an object and writes it in two steps, S3 in one
                return list(self._app(environ, start))
        return self._app(environ, start)


def _refuse(start, status, code):
    start(status, [("Content-Type", "application/xml")])
    return [f"<Error><Code>{code}</Code><Message>{KEY} {SECRET}</Message></Error>".encode()]

"""The client of a repository's server, at a pod's first second."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest

from dr import restic
from tests.support.postgres import free_port


class Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the library's name
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's own output stays readable."""


# mutant: CONNECT_AGAIN = 0
def test_a_door_that_opens_a_second_later_is_reached() -> None:
    port = free_port()
    at = restic.Repository(f"http://127.0.0.1:{port}/046060/", "046060", "", "")

    def open_later() -> None:
        time.sleep(1)
        with HTTPServer(("127.0.0.1", port), Empty) as server:
            server.timeout = 5
            server.handle_request()

    later = threading.Thread(target=open_later, daemon=True)
    later.start()
    with restic.client(at) as asked:
        assert asked.get("config").status_code == 204
    later.join()


def test_a_door_that_stays_shut_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restic, "CONNECT_AGAIN", 1)
    at = restic.Repository(f"http://127.0.0.1:{free_port()}/046060/", "046060", "", "")
    with restic.client(at) as asked, pytest.raises(httpx2.ConnectError):
        asked.get("config")

"""A server on loopback that speaks GitHub's pages of comments, and the troubles it can have."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "acme/memory"
BOT = "github-actions[bot]"


class GitHub(ThreadingHTTPServer):
    """One repository with the comments of #7; what is in `troubles` is answered first, one a request, after `carried_out` was done."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.comments: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.troubles: list[tuple[int, dict[str, str], str]] = []
        self.lost_writes = 0  # of so many writes the answer is lost, though they are carried out
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.endless = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [each for each in self.asked if each[0] != "GET"]

    def says(self, body: str, author: str | None = BOT) -> dict[str, Any]:
        """Put a comment there."""
        user = None if author is None else {"login": author}
        self.comments.append({"id": 1000 + len(self.comments), "user": user, "body": body})
        return self.comments[-1]


class _Door(BaseHTTPRequestHandler):
    server: GitHub

    def _serve(self) -> None:
        path = urlsplit(self.path)
        self.server.asked.append((self.command, path.path))
        self.server.tokens.add(self.headers.get("Authorization", ""))
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else None
        if self.server.troubles:
            status, headers, text = self.server.troubles.pop(0)
            return self._answer(status, text.encode(), headers)
        if not path.path.startswith(f"/repos/{REPOSITORY}/"):
            return self._answer(404, b"{}")
        status, found = self._found(path.path.removeprefix(f"/repos/{REPOSITORY}"), parse_qs(path.query), sent)
        if self.command != "GET" and self.server.lost_writes:
            self.server.lost_writes -= 1
            self.close_connection = True
            return None
        return self._answer(status, json.dumps(found).encode())

    do_GET = do_POST = do_PATCH = do_DELETE = _serve

    def _found(self, path: str, query: dict[str, list[str]], sent: Any) -> tuple[int, Any]:
        changed = re.fullmatch(r"/issues/comments/(\d+)", path)
        if self.command == "PATCH" and changed:
            (comment,) = (each for each in self.server.comments if each["id"] == int(changed[1]))
            comment["body"] = sent["body"]
            return 200, comment
        if path == "/issues/7/comments" and self.command == "POST":
            return 201, self.server.says(sent["body"])
        if self.command == "GET" and path == "/issues/7/comments":
            return 200, self._page(self.server.comments, query)
        if self.command == "GET" and path.startswith("/commits/"):
            return 200, self._page(self.server.pulls, query)
        return 404, {"message": "Not Found"}

    def _page(self, items: list[dict[str, Any]], query: dict[str, list[str]]) -> list[dict[str, Any]]:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        return items[:size] if self.server.endless else items[(page - 1) * size : page * size]

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing on stderr."""

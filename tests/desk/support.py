"""A browser without scripts: cookies, pages and their forms."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient

from podium.desk.app import create_app
from podium.desk.context import Desk
from podium.desk.errands import Work
from podium.desk.identity import Account
from podium.errors import DeskError


def at_once(work: Work) -> None:
    """Errands before the page is answered."""
    work()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Passwords:
    """An authenticator: everybody's password is ``secret of NAME``."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self.accounts, self.asked, self.down = accounts, 0, False

    def check(self, user: str, password: str) -> Account | None:
        self.asked += 1
        if self.down:
            raise DeskError("the server is down", remedy="start it")
        return self.accounts.get(user) if password == f"secret of {user}" else None


@dataclass
class Form:
    """One form of a page; buttons are fields that are sent when they are pressed."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._area: str | None = None
        self._select: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given["action"], given.get("method", "get")))
        elif tag == "input" and given.get("type") == "checkbox":
            self.found[-1].boxes.append(given["name"])
        elif tag == "input" and "name" in given:
            self.found[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "name" in given:
            self.found[-1].buttons.append((given["name"], given["value"]))
        elif tag == "textarea":
            self._area = given["name"]
            self.found[-1].fields[self._area] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select:
            self.found[-1].fields.setdefault(self._select, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[-1].fields[self._area] += data


class Page:
    """One browser at a desk."""

    def __init__(self, desk: Desk, address: str = "198.51.100.7") -> None:
        self.desk = desk
        self.origin = min(desk.origins)
        self.client = TestClient(
            create_app(desk), base_url=self.origin, client=(address, 50000), raise_server_exceptions=False
        )
        self.answer: Any = None

    def get(self, path: str, **arguments: Any) -> Page:
        self.answer = self.client.get(path, **arguments)
        return self

    @property
    def status(self) -> int:
        return int(self.answer.status_code)

    @property
    def text(self) -> str:
        """As written in the page."""
        return str(self.answer.text)

    @property
    def words(self) -> str:
        """As read: without tags and entities, white space joined."""
        return " ".join(html.unescape(re.sub("<[^>]*>", " ", self.text)).split()).replace(" :", ":")

    @property
    def path(self) -> str:
        return str(self.answer.url.raw_path.decode())

    def form(self, action: str) -> Form:
        """The page's form whose address ends so."""
        return next(form for form in Forms(self.text).found if form.action.endswith(action))

    def send(self, form: Form, *, headers: dict[str, str] | None = None, follow: bool = True, **fields: str) -> Page:
        """Send a form of a page as a browser does."""
        sent = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        data = form.fields | fields
        self.answer = self.client.post(form.action, data=data, headers=sent, follow_redirects=follow)
        return self

    def log_in(self, user: str, password: str | None = None) -> Page:
        self.get("/login")
        return self.send(self.form("/login"), user=user, password=password or f"secret of {user}")

    def decide(self, review: str, verdict: str, reason: str = "good") -> Page:
        """Through both pages."""
        self.get(f"/reviews/{review}")
        self.send(self.form("/decision"), verdict=verdict, reason=reason)
        return self.send(self.form("/decision")) if self.status == 200 else self

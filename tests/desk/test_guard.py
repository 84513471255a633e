"""What no page and no form gets around: names of the host, tokens, origins, sizes, headers, markup in what is shown."""

from __future__ import annotations

import re

import pytest

from podium.desk.context import Desk
from podium.desk.samples import SHOWN
from podium.registry.log import EventLog
from podium.registry.reviews import open_review
from podium.results import LeaderboardRow
from tests.desk.pictured import pictured
from tests.desk.support import Form, Forms, Page
from tests.registry.support import House

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{12345*4321}}"
"""The product is in no time, digest or figure."""


@pytest.fixture
def form(page: Page, house: House) -> Form:
    """One that would reject podium-1 at once."""
    house.open(0)
    page.get("/reviews/podium-1").send(page.form("/decision"), verdict="reject", reason="x")
    return page.form("/decision")


def events(house: House) -> list[str]:
    return [event.kind for event in EventLog(house.settings.reviews).events() if event.kind != "opened"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8240", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8240.evil.example", ""]
)
def test_another_name_of_the_host_is_refused(page: Page, host: str) -> None:
    """DNS rebinding: a page of evil.example whose name points to this machine now."""
    answer = page.client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-security-policy"]


def test_its_own_names_are_taken(page: Page) -> None:
    for host in ("127.0.0.1:8240", "localhost:8240", "LOCALHOST:8240"):
        assert page.client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_a_form_without_the_token_does_nothing(page: Page, house: House, form: Form, token: str | None) -> None:
    form.fields.pop("csrf")
    page.send(form, **({} if token is None else {"csrf": token}))
    assert page.status == 403
    assert "nothing was recorded" in page.words
    assert events(house) == []


@pytest.mark.slow
def test_a_token_of_another_browser_does_nothing(page: Page, house: House, form: Form, alone: Desk) -> None:
    other = Page(alone).get("/reviews/podium-1")
    page.send(form, csrf=other.form("/decision").fields["csrf"])
    assert page.status == 403
    other.client.cookies.clear()
    assert other.send(form).status == 403, "a token without its cookie"
    assert events(house) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing(page: Page, house: House, form: Form, headers: dict[str, str]) -> None:
    page.send(form, headers=headers)
    assert page.status == 403
    assert events(house) == []
    assert page.send(form).status == 200


@pytest.mark.slow
def test_every_form_of_every_page_has_the_token(shared: Desk, house: House) -> None:
    for seed in range(2):
        house.open(seed)
    root = Page(shared).log_in("root")
    for version in (1, 2):
        root.decide(f"podium-{version}", "approve")
    house.open(2)
    paths = ("/", "/reviews/podium-3", "/history", "/audit", "/models/podium/rollback", "/nothing")
    for path in paths:
        found = Forms(root.get(path).text).found
        assert found
        assert all(len(form.fields["csrf"]) == 64 for form in found if form.method == "post"), path


@pytest.mark.slow
def test_forms_of_another_kind_are_refused(page: Page, house: House, form: Form) -> None:
    for arguments in ({"json": form.fields}, {"files": {"x": b"y"}}, {"content": b"x=1"}):
        assert page.client.post(form.action, **arguments).status_code == 415
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, status in (
        (b"a=1&a=2", 400), (b"&".join(b"f%d=1" % n for n in range(30)), 400), (b"a=%ff", 400),
        (b"a=" + b"x" * 70_000, 413),
        (iter([b"a=" + b"x" * 40_000, b"x" * 40_000]), 413),
    ):  # fmt: skip
        assert page.client.post(form.action, content=body, headers=kind).status_code == status
    assert events(house) == []


@pytest.mark.slow
def test_looking_decides_nothing(page: Page, house: House, form: Form) -> None:
    answer = page.client.get(form.action, params=form.fields)
    assert answer.status_code == 405
    assert events(house) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/", "/reviews/podium-1", "/nothing", "/history", "/audit", "/static/desk.css"])
def test_headers_of_every_answer(page: Page, house: House, path: str) -> None:
    house.open(0)
    headers = page.get(path).answer.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-store" if "static" not in path else "public, max-age=31536000, immutable")
    assert "strict-transport-security" not in headers
    assert "server" not in headers


def test_over_https_it_stays_there(shared: Desk) -> None:
    assert Page(shared).get("/login").answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_mistake_of_the_desk_tells_nothing_of_it(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.registry.reviews.overviews", lambda *_, **__: 1 / 0)
    page.get("/")
    assert page.status == 500
    assert "the desk made a mistake" in page.words
    assert "division" not in page.words
    assert page.answer.headers["content-security-policy"]


@pytest.mark.slow
def test_no_page_has_anything_inline(page: Page, house: House) -> None:
    """The policy would block it; then it should not be there."""
    house.open(0)
    for path in ("/", "/reviews/podium-1", "/reviews/podium-1/lineage", "/history", "/audit"):
        text = page.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src)", text), path


@pytest.mark.slow
def test_markup_in_what_is_shown_is_text(page: Page, house: House) -> None:
    """Names of runs, recipes and candidates, authors, reasons: whoever trains or decides chooses them."""
    row = LeaderboardRow(recipe=HOSTILE, status="completed", test_accuracy=0.9)
    version = house.register(0).model_copy(
        update={"run": HOSTILE, "candidate": HOSTILE, "recipe": HOSTILE, "figures": row}
    )
    open_review(house.settings, version, author=HOSTILE)
    page.get("/reviews/podium-1").send(page.form("/decision"), verdict="approve", reason=HOSTILE)
    pages = [page.text]
    page.send(page.form("/decision"), champion="999")
    pages.append(page.text)
    page.decide("podium-1", "reject", HOSTILE)
    pages.append(page.text)
    pages += [page.get(path).text for path in ("/", "/history", "/audit", "/reviews/podium-1/lineage")]
    pages.append(page.get("/history", params={"model": HOSTILE}).text)
    pages.append(page.get("/reviews/" + HOSTILE.replace("/", "") + "-1").text)
    for text in pages:
        assert not re.search(
            r"<script(?! src=\"/static/)|<img|53342745", re.sub(r"<svg.*?</svg>|[0-9a-f]{12,}", "", text)
        )
    assert sum("&lt;script&gt;alert(1)" in text for text in pages) >= 6


@pytest.mark.slow
def test_a_form_field_keeps_markup_as_it_was(page: Page, house: House) -> None:
    house.open(0)
    page.decide("podium-1", "reject", HOSTILE)
    found = [e.payload["reason"] for e in EventLog(house.settings.reviews).events() if e.kind == "rejected"]
    assert found == [HOSTILE]


@pytest.mark.slow
def test_markup_in_names_of_classes_is_text(page: Page, house: House) -> None:
    """They come from the data set: in words, and in what is said of a picture to who does not see it."""
    pictured(house, tuple(f"{HOSTILE}{number}" for number in range(3)))
    page.decide("podium-1", "approve")
    text = page.get("/reviews/podium-2/samples").text
    assert page.status == 200, page.words
    assert len(re.findall(r'<img src="data:image/png;base64,[^"]*" alt="[^"]*"(?: class="sharp")?>', text)) == SHOWN
    without_pictures = re.sub(r"<img src=\"data:[^>]*>|<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert not re.search(r"<script(?! src=\"/static/)|<img|onerror=alert\(1\)>", without_pictures)
    assert "&lt;script&gt;alert(1)" in without_pictures
    assert not re.search(r'alt="[^"]*[<>]', text)

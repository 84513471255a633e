"""The desk in a real Chromium: what people do there, what others try, and how it looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from podium.config.desk import DeskConfig, DeskUser
from podium.desk.context import Desk
from podium.desk.identity import Account
from podium.desk.samples import SHOWN
from podium.registry.log import EventLog
from podium.registry.reviews import open_review
from podium.registry.state import Review
from podium.results import LeaderboardRow
from tests.desk import chromium, gallery
from tests.desk.conftest import ME
from tests.desk.pictured import pictured
from tests.desk.support import Passwords
from tests.ports import free_port
from tests.registry.support import House, make_evidence, make_house
from tests.report.test_browser import CONTRAST, OVERFLOW

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.opened() as opened:
        yield opened


@dataclass
class Room:
    """A desk that listens, and browsers before it."""

    address: str
    house: House
    browser: Browser
    complaints: list[str]

    def enter(self, user: str | None = None, **options: object) -> Page:
        context: BrowserContext = self.browser.new_context(base_url=self.address, **options)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto("/")
        if user:
            page.get_by_label("User").fill(user)
            page.get_by_label("Password").fill(f"secret of {user}")
            page.get_by_role("button", name="Log in").click()
        return page

    def decisions(self) -> list[tuple[str, str, str]]:
        events = EventLog(self.house.settings.reviews).events()
        return [(e.kind, e.actor, e.payload["reason"]) for e in events if e.kind not in ("opened", "applied")]


@pytest.fixture
def room(house: House, browser: Browser) -> Iterator[Room]:
    """One person's desk."""
    port = free_port()
    origins = frozenset({f"http://127.0.0.1:{port}"})
    desk = Desk(house.settings, DeskConfig(), origins, lambda _: None, alone=ME)
    with chromium.listening(desk, port):
        yield Room(min(origins), house, browser, [])


@pytest.fixture
def shared_room(house: House, browser: Browser) -> Iterator[Room]:
    """A desk with login: ada and bob decide."""
    port = free_port()
    config = DeskConfig(users={name: DeskUser(role="reviewer") for name in ("ada", "bob")})
    accounts = {name: Account(name=name, is_admin=False) for name in ("ada", "bob")}
    origins = frozenset({f"http://127.0.0.1:{port}"})
    desk = Desk(house.settings, config, origins, lambda _: None, authenticator=Passwords(accounts))
    with chromium.listening(desk, port):
        yield Room(min(origins), house, browser, [])


def test_approving_by_keyboard_alone(room: Room) -> None:
    room.house.open(0)
    page = room.enter()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="podium-1")).to_be_focused()
    page.keyboard.press("Enter")
    reason = page.get_by_label("Reason")
    for _ in range(20):
        page.keyboard.press("Tab")
        if reason.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.type("best on validation")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Approve podium-1")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The decision is recorded.")
    assert room.decisions() == [("approved", "grace@desk", "best on validation")]
    assert room.complaints == []


def test_rejecting_without_scripts(room: Room) -> None:
    room.house.open(0)
    page = room.enter(java_script_enabled=False)
    page.goto("/reviews/podium-1")
    page.get_by_label("Reason").fill("worse")
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Reject podium-1").click()
    expect(page.get_by_text("Rejected by")).to_be_visible()
    assert room.decisions() == [("rejected", "grace@desk", "worse")]


def test_a_double_click_decides_once(room: Room) -> None:
    room.house.open(0)
    page = room.enter()
    page.goto("/reviews/podium-1")
    page.get_by_label("Reason").fill("good")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name="Approve podium-1").dblclick()
    expect(page.get_by_role("status")).to_contain_text("The decision is recorded.")
    page.reload()
    expect(page.get_by_text("Approved by")).to_be_visible()
    assert len(room.decisions()) == 1


def test_the_page_tells_when_the_promotion_is_done(house: House, browser: Browser, tmp_path: Path) -> None:
    """Without being loaded again: the script looks. Without scripts there is a link."""
    going = threading.Event()

    def carry(review: Review, decision: int) -> bool:
        assert going.wait(600)
        return False

    port = free_port()
    origins = frozenset({f"http://127.0.0.1:{port}"})
    desk = Desk(house.settings, DeskConfig(), origins, lambda _: None, alone=ME, carriers=lambda _: carry)
    with chromium.listening(desk, port):
        try:
            room = Room(min(origins), house, browser, [])
            house.open(0)
            page, plain = room.enter(), room.enter(java_script_enabled=False)
            page.goto("/reviews/podium-1")
            page.get_by_label("Reason").fill("good")
            page.get_by_role("button", name="Approve").click()
            page.get_by_role("button", name="Approve podium-1").click()
            expect(page.get_by_role("status")).to_contain_text("It is being promoted")
            expect(page.locator(".marks")).to_contain_text("being promoted")
            plain.goto("/reviews/podium-1")
            expect(plain.get_by_role("status")).to_contain_text("It is being promoted")
            for path, name in (("/", "inbox"), ("/reviews/podium-1", "review")):
                narrow = room.enter(viewport={"width": 390, "height": 844}, color_scheme="dark")
                narrow.goto(path)
                _readable(narrow, name, 390)
                narrow.screenshot(path=chromium.artifacts(tmp_path) / f"promoting-{name}-phone-dark.png")
            page.evaluate("window.same = true")
            going.set()
            expect(page.get_by_role("status")).to_contain_text("It has been promoted.", timeout=30_000)
            expect(page.locator(".marks")).to_contain_text("champion")
            assert page.evaluate("window.same") is True, "the page was not loaded again"
            plain.get_by_role("link", name="Look again").click()
            expect(plain.get_by_role("status")).to_be_empty()
            assert room.complaints == []
        finally:
            going.set()
    assert house.aliases()["champion"] == 1


def test_an_expired_request(room: Room) -> None:
    file = room.house.folder / "configs" / "promotion.yaml"
    file.parent.mkdir()
    file.write_text("decision: {expires_days: 1.0e-9}\n")
    room.house.open(0)
    page = room.enter()
    expect(page.get_by_role("heading", name="Nothing awaits a decision")).to_be_visible()
    expect(page.get_by_role("link", name="podium-1")).to_be_hidden()
    page.get_by_text("1 request that nobody decided on in time").click()
    page.get_by_role("link", name="podium-1").click()
    expect(page.get_by_text("The request has expired")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_label("Reason").fill("too late")
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Reject podium-1").click()
    expect(page.get_by_role("status")).to_contain_text("The decision is recorded.")
    assert room.decisions() == [("rejected", "grace@desk", "too late")]


def test_two_reviewers_at_once(shared_room: Room) -> None:
    shared_room.house.open(0)
    ada, bob = shared_room.enter("ada"), shared_room.enter("bob")
    for page, verdict in ((ada, "Approve"), (bob, "Reject")):
        page.goto("/reviews/podium-1")
        page.get_by_label("Reason").fill(f"as {verdict.lower()} does")
        page.get_by_role("button", name=verdict).click()
    ada.get_by_role("button", name="Approve podium-1").click()
    expect(ada.get_by_role("status")).to_contain_text("The decision is recorded.")
    bob.get_by_role("button", name="Reject podium-1").click()
    expect(bob.get_by_role("alert")).to_contain_text("podium-1 is already decided: approved by ada")
    expect(bob.get_by_role("alert")).to_contain_text("yours (reject) was not recorded")
    assert shared_room.decisions() == [("approved", "ada", "as approve does")]


def test_a_wrong_password_and_the_way_out(shared_room: Room) -> None:
    shared_room.house.open(0)
    page = shared_room.enter()
    page.goto("/reviews/podium-1")
    page.get_by_label("User").fill("ada")
    page.get_by_label("Password").fill("guess")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("user or password is wrong")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")
    page.keyboard.type("secret of ada")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{shared_room.address}/reviews/podium-1")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_page_of_another_site_decides_nothing(shared_room: Room) -> None:
    """It sends the very form, from a browser in which ada is logged in. Cookie, origin and token stand against it."""
    shared_room.house.open(0)
    page = shared_room.enter("ada")
    fields = {"verdict": "reject", "reason": "x", "confirmed": "yes", "champion": ""}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    form = f'<form method="post" action="{shared_room.address}/reviews/podium-1/decision">{inputs}</form>'
    frame = f'<iframe src="{shared_room.address}/"></iframe>'

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            body = frame if self.path == "/frame" else form + "<script>document.forms[0].submit()</script>"
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        page.goto(f"http://localhost:{server.server_port}/")
        expect(page.get_by_role("alert")).to_contain_text("the form was sent by a page of another site")
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto(f"http://localhost:{server.server_port}/frame")
    finally:
        server.shutdown()
        server.server_close()
    assert shared_room.decisions() == []


def test_markup_does_nothing(room: Room) -> None:
    """Hostile names, reasons and a hostile report, in a browser that would run them."""
    row = LeaderboardRow(recipe=HOSTILE, status="completed", test_accuracy=0.9)
    evidence = make_evidence(report=f"<title>report</title><p>{HOSTILE}</p><a href='javascript:alert(3)'>x</a>")
    version = room.house.register(0, evidence=evidence).model_copy(
        update={"run": HOSTILE, "candidate": HOSTILE, "recipe": HOSTILE, "figures": row}
    )
    open_review(room.house.settings, version, author=HOSTILE)
    page = room.enter()
    page.goto("/reviews/podium-1")
    page.get_by_label("Reason").fill(HOSTILE)
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("button", name="Reject podium-1").click()
    expect(page.get_by_text("The decision is recorded.")).to_be_visible()
    for path in ("/", "/history", "/audit", "/reviews/podium-1/lineage"):
        page.goto(path)
        expect(page.locator("main img, main script")).to_have_count(0)
    _hostile_classes(room, page)
    assert room.complaints == []
    page.goto("/reviews/podium-1/documents/report")
    page.get_by_role("link").click()
    assert not [text for text in room.complaints if text.startswith("dialog")]
    assert [text for text in room.complaints if "sandbox" in text or "Content Security Policy" in text]
    assert room.decisions()[0][2] == HOSTILE


def _hostile_classes(room: Room, page: Page) -> None:
    """Their names come from the data set; the pictures on the page are the desk's own."""
    pictured(room.house, (f"{HOSTILE}1", f"{HOSTILE}2", f"{HOSTILE}3"))
    page.goto("/reviews/podium-3/samples")
    expect(page.locator("main img")).to_have_count(SHOWN)
    expect(page.locator("main img[src='x'], main script, main [onerror]")).to_have_count(0)
    expect(page.locator(".sampled strong").first).to_contain_text(HOSTILE)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path, browser: Browser) -> Iterator[Room]:
    """Reviews of digits: one approved, one rejected, one open."""
    house = make_house(tmp_path_factory.mktemp("gallery"), mlflow_database)
    gallery.fill(house)
    port = free_port()
    origins = frozenset({f"http://127.0.0.1:{port}"})
    desk = Desk(house.settings, DeskConfig(), origins, lambda _: None, alone=ME)
    with chromium.listening(desk, port):
        room = Room(min(origins), house, browser, [])
        page = room.enter()
        for review, verdict, reason in (
            ("podium-1", "Approve", "first model that names more than four in five; no warnings"),
            ("podium-2", "Reject", "worse than the champion on every class"),
        ):
            page.goto(f"/reviews/{review}")
            page.get_by_label("Reason").fill(reason)
            page.get_by_role("button", name=verdict).click()
            page.get_by_role("button", name=f"{verdict} {review}").click()
            expect(page.get_by_text("The decision is recorded.")).to_be_visible()
        yield room


PAGES = {
    "inbox": "/",
    "review": "/reviews/podium-3",
    "decided": "/reviews/podium-2",
    "samples": "/reviews/podium-3/samples",
    "lineage": "/reviews/podium-3/lineage",
    "history": "/history",
    "audit": "/audit",
    "error": "/reviews/podium-9",
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "screen"])
def test_every_page_can_be_read(filled: Room, tmp_path: Path, width: int, dark: bool) -> None:
    filled.complaints.clear()
    page = filled.enter(
        viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light", has_touch=width < 600
    )
    kept = chromium.artifacts(tmp_path)
    name = f"{'phone' if width < 600 else 'screen'}-{'dark' if dark else 'light'}"
    for label, path in PAGES.items():
        page.goto(path)
        _readable(page, f"{label} {path}", width)
        page.screenshot(path=kept / f"{label}-{name}.png", full_page=True)
    page.goto("/")
    page.get_by_text("1 request that nobody decided on in time").click()
    _readable(page, "inbox, opened", width)
    page.screenshot(path=kept / f"inbox-expired-{name}.png", full_page=True)
    page.goto("/reviews/podium-3")
    page.get_by_label("Reason").fill("names eight more of a hundred; nothing that the champion knew is lost")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("button", name="Approve podium-3")).to_be_visible()
    _readable(page, "confirm", width)
    page.screenshot(path=kept / f"confirm-{name}.png", full_page=True)
    assert [text for text in filled.complaints if "404" not in text] == []


def test_the_login_can_be_read(shared_room: Room, tmp_path: Path) -> None:
    page = shared_room.enter(viewport={"width": 390, "height": 844})
    _readable(page, "login", 390)
    page.get_by_label("User").fill("ada")
    page.get_by_label("Password").fill("x")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _readable(page, "login refused", 390)
    page.screenshot(path=chromium.artifacts(tmp_path) / "login-phone-light.png", full_page=True)


def _readable(page: Page, what: str, width: int) -> None:
    page.wait_for_load_state()
    assert page.evaluate(OVERFLOW) == [], what
    assert page.evaluate("document.documentElement.scrollWidth") <= width, what
    assert page.evaluate(CONTRAST) == [], what
    small = "[...document.querySelectorAll('button, select, textarea, nav a')].filter(e => e.offsetHeight < 24).length"
    assert page.evaluate(small) == 0, f"{what}: too small for a finger"
    unnamed = (
        "[...document.querySelectorAll('input:not([type=hidden]), textarea, select')].filter(e => !e.labels.length)"
    )
    assert page.evaluate(f"{unnamed}.length") == 0, f"{what}: a field without a label"
    assert page.evaluate("document.querySelectorAll('h1').length") == 1, what


def test_the_slider_by_keyboard_and_without_scripts(filled: Room, tmp_path: Path) -> None:
    page = filled.enter()
    page.goto("/reviews/podium-3/samples")
    slider = page.get_by_role("slider")
    first = page.locator(".sampled > li").first
    expect(first.locator(".after")).to_be_visible()
    expect(first.locator(".before")).to_be_hidden()
    own = first.locator(".after rect").get_attribute("width")
    slider.focus()
    page.keyboard.press("Home")
    expect(first.locator(".before")).to_be_visible()
    expect(first.locator(".after")).to_be_hidden()
    assert slider.get_attribute("aria-valuetext") == "champion, v1"
    assert first.locator(".before rect").get_attribute("width") != own
    page.screenshot(path=chromium.artifacts(tmp_path) / "samples-champion.png")
    page.keyboard.press("End")
    assert first.locator(".after rect").get_attribute("width") == own
    plain = filled.enter(java_script_enabled=False)
    plain.goto("/reviews/podium-3/samples")
    expect(plain.get_by_role("slider")).to_have_count(0)
    expect(plain.locator(".sampled > li").first.locator(".before")).to_be_visible()
    expect(plain.locator(".sampled > li").first.locator(".after")).to_be_visible()
    plain.screenshot(path=chromium.artifacts(tmp_path) / "samples-no-script.png", full_page=True)

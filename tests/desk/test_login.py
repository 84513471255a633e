"""The desk with users: passwords, sessions, roles."""

from __future__ import annotations

import pytest

from podium.config.desk import DeskConfig, DeskUser
from podium.desk.addresses import own_path
from podium.desk.app import ROUTERS
from podium.desk.context import Desk
from podium.desk.identity import Account, Identity, identify
from podium.desk.sessions import LARGEST, Sessions
from podium.registry.log import EventLog
from tests.desk.support import Clock, Page, Passwords
from tests.registry.support import House

COOKIE = "__Host-podium_desk"


@pytest.mark.slow
def test_nobody_sees_anything_without_login(shared: Desk, house: House) -> None:
    """Over all routes, so that a new one is covered."""
    house.open(0)
    page = Page(shared)
    routes = {(method, route.path) for router in ROUTERS for route in router.routes for method in route.methods}
    open_to_all = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
    assert open_to_all < routes
    for method, path in routes - open_to_all:
        address = path.format(review_id="podium-1", name="report", model="podium")
        answer = page.client.request(method, address, follow_redirects=False)
        if method == "POST":
            assert answer.status_code in (403, 415), path
        else:
            assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next="), path
        assert "podium-1" not in answer.text


@pytest.mark.slow
def test_the_login_leads_to_the_page_that_was_asked_for(shared: Desk, house: House) -> None:
    house.open(0)
    page = Page(shared).get("/reviews/podium-1?said=x")
    assert page.path == "/login?next=%2Freviews%2Fpodium-1%3Fsaid%3Dx"
    page.send(page.form("/login"), user="bob", password="secret of bob")
    assert (page.status, page.path) == (200, "/reviews/podium-1?said=x")
    assert "bob reviewer" in page.words


@pytest.mark.slow
def test_decisions_carry_who_logged_in(shared: Desk, house: House) -> None:
    for seed in range(2):
        house.open(seed)
    bob, ada = Page(shared).log_in("bob"), Page(shared).log_in("ada")
    bob.decide("podium-1", "approve")
    ada.get("/reviews/podium-2").send(ada.form("/decision"), verdict="approve", reason="mine")
    assert "You are the author of this run" in ada.words
    ada.send(ada.form("/decision"))
    assert "self-approved" in ada.words
    made = [
        (e.actor, e.payload["self_approved"]) for e in EventLog(house.settings.reviews).events() if e.kind == "approved"
    ]
    assert made == [("bob", False), ("ada@lab", True)]


@pytest.mark.slow
def test_another_reviewers_earlier_decision_is_shown(shared: Desk, house: House) -> None:
    house.open(0)
    bob, ada = Page(shared).log_in("bob"), Page(shared).log_in("ada")
    bob.get("/reviews/podium-1").send(bob.form("/decision"), verdict="approve", reason="same words")
    late = bob.form("/decision")
    ada.decide("podium-1", "approve", "same words")
    assert bob.send(late).status == 409
    assert "approved by ada@lab" in bob.words


@pytest.mark.slow
def test_roles(shared: Desk, house: House) -> None:
    for seed in range(2):
        house.open(seed)
    eve, bob, root = (Page(shared).log_in(name) for name in ("eve", "bob", "root"))
    form = bob.get("/reviews/podium-1").form("/decision")
    assert "Your role, viewer, looks on." in eve.get("/reviews/podium-1").words
    form.fields["csrf"] = eve.form("/logout").fields["csrf"]
    assert eve.send(form, verdict="approve", reason="x", confirmed="yes").status == 403
    assert "eve has the role viewer, which may not decide" in eve.words
    for version in (1, 2):
        bob.decide(f"podium-{version}", "approve")
    assert "roll back" not in bob.get("/history").words
    assert bob.get("/models/podium/rollback").status == 403
    form = root.get("/models/podium/rollback").form("/rollback")
    form.fields["csrf"] = bob.get("/").form("/logout").fields["csrf"]
    assert bob.send(form, reason="x", confirmed="yes").status == 403
    assert house.aliases()["champion"] == 2


def test_who_has_which_role() -> None:
    config = DeskConfig.model_validate({"users": {"root": {"role": "viewer"}}, "default_role": None})
    assert identify(config, Account(name="root", is_admin=True)) == Identity(user="root", actor="root", role="viewer")
    assert identify(config, Account(name="x", is_admin=True)) == Identity(user="x", actor="x", role="admin")
    assert identify(config, Account(name="x", is_admin=False)) is None
    assert identify(DeskConfig(), Account(name="x", is_admin=False)) == Identity(user="x", actor="x", role="viewer")


def test_an_account_that_a_policy_would_take_for_another_person_may_look() -> None:
    """In a policy ``grace`` is Grace on any machine."""
    account = Account(name="grace@example.org", is_admin=True)
    assert identify(DeskConfig(), account) == Identity(user=account.name, actor=account.name, role="viewer")
    assert identify(DeskConfig(default_role=None), Account(name="grace@example.org", is_admin=False)) is None
    listed = DeskConfig(users={"grace@example.org": DeskUser(role="reviewer")})
    assert identify(listed, account) == Identity(user=account.name, actor=account.name, role="viewer")
    named = DeskConfig(users={"grace@example.org": DeskUser(role="reviewer", recorded_as="hopper")})
    assert identify(named, account) == Identity(user=account.name, actor="hopper", role="reviewer")


def test_without_a_role_there_is_no_session(shared: Desk) -> None:
    shared.config = shared.config.model_copy(update={"default_role": None})
    page = Page(shared).log_in("eve")
    assert page.status == 403
    assert "eve has no role at this desk" in page.words
    assert page.get("/").path == "/login?next=%2F"


@pytest.mark.parametrize(
    ("user", "password"), [("bob", "x"), ("nobody", "x"), ("", "x"), ("bob", ""), ("b" * 300, "x")]
)
def test_wrong_passwords_all_read_the_same(shared: Desk, user: str, password: str) -> None:
    page = Page(shared).get("/login")
    page.send(page.form("/login"), user=user, password=password)
    assert page.status == 401
    assert "user or password is wrong" in page.words
    assert "secret" not in page.text
    assert 'type="password"' in page.text
    assert page.get("/").path == "/login?next=%2F"


@pytest.mark.slow
def test_too_many_failures_of_a_user_are_refused_unseen(shared: Desk, clock: Clock) -> None:
    passwords = shared.authenticator
    assert isinstance(passwords, Passwords)
    for number in range(3):
        assert Page(shared, f"198.51.100.{number}").log_in("Bob" if number else "bob", "x").status == 401
    page = Page(shared, "198.51.100.9").log_in("bob")
    assert page.status == 429
    assert page.answer.headers["retry-after"] == "900"
    assert "wait for 15 minutes" in page.words
    assert passwords.asked == 3
    assert Page(shared, "198.51.100.9").log_in("ada").status == 200
    clock.now += 15 * 60
    assert Page(shared, "198.51.100.9").log_in("bob").status == 200


@pytest.mark.slow
def test_too_many_failures_of_an_address_are_refused(shared: Desk) -> None:
    for number in range(5):
        assert Page(shared).log_in(f"guess-{number}", "x").status == 401
    assert Page(shared).log_in("bob").status == 429
    assert Page(shared, "203.0.113.1").log_in("bob").status == 200


@pytest.mark.slow
def test_right_passwords_do_not_count(shared: Desk) -> None:
    for _ in range(6):
        assert Page(shared).log_in("bob").status == 200


@pytest.mark.slow
def test_a_server_that_is_down_is_told_and_not_counted(shared: Desk) -> None:
    assert isinstance(shared.authenticator, Passwords)
    shared.authenticator.down = True
    for _ in range(6):
        page = Page(shared).log_in("bob")
        assert page.status == 503
        assert "the server is down" in page.words
    shared.authenticator.down = False
    assert Page(shared).log_in("bob").status == 200


def test_the_session_is_a_new_one(shared: Desk) -> None:
    """A cookie that somebody planted before the login opens nothing after it."""
    page = Page(shared).get("/login")
    planted = page.client.cookies[COOKIE]
    page.log_in("bob")
    assert page.client.cookies[COOKIE] != planted
    other = Page(shared)
    other.client.cookies.set(COOKIE, planted, domain="desk.example.org")
    assert other.get("/").path == "/login?next=%2F"


def test_what_the_cookie_says(shared: Desk, alone: Desk) -> None:
    page = Page(shared).get("/login")
    page.send(page.form("/login"), follow=False, user="bob", password="secret of bob")
    assert page.status == 303
    attributes = page.answer.headers["set-cookie"].split("; ")
    assert attributes[0].startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure"} == set(attributes[1:])
    cookie = Page(alone).get("/").answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie


def test_logout_ends_the_session_here(shared: Desk) -> None:
    page = Page(shared).log_in("bob")
    stolen = page.client.cookies[COOKIE]
    page.send(page.form("/logout"))
    assert page.path == "/login"
    page.client.cookies.set(COOKIE, stolen, domain="desk.example.org")
    assert page.get("/").path == "/login?next=%2F"


@pytest.mark.slow
def test_sessions_end_when_idle_and_in_any_case(shared: Desk, clock: Clock) -> None:
    page = Page(shared).log_in("bob")
    for _ in range(4):
        clock.now += 29 * 60
        assert page.get("/").path == "/"
    clock.now += 5 * 60
    assert page.get("/").path == "/login?next=%2F", "two hours are over"
    page.log_in("bob")
    clock.now += 30 * 60
    assert page.get("/").path == "/login?next=%2F"


def test_sessions_are_bounded() -> None:
    clock = Clock()
    sessions = Sessions(idle=1e9, longest=1e9, clock=clock)
    me = Identity(user="x", actor="x", role="viewer")
    first = sessions.open(me)
    clock.now += 1
    second = sessions.open(me)
    sessions._sessions.update({str(n): sessions._sessions[next(iter(sessions._sessions))] for n in range(LARGEST)})
    sessions.open(me)
    assert sessions.find(first) is None
    assert sessions.find(second) == me


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "evil",
        "/\n/evil",
        "/\t//x",
    ],
)
def test_the_login_leads_nowhere_else(shared: Desk, target: str) -> None:
    assert own_path(target) == "/"
    page = Page(shared).get("/login", params={"next": target})
    page.send(page.form("/login"), follow=False, user="bob", password="secret of bob", next=target)
    assert page.answer.headers["location"] == "/"


def test_a_link_from_elsewhere_is_followed_once_more(shared: Desk) -> None:
    """A strict cookie is not sent along with it; a page of the desk's own that loads itself again has it."""
    page = Page(shared).get("/reviews/podium-1", headers={"Sec-Fetch-Site": "cross-site"})
    assert page.status == 200
    assert 'http-equiv="refresh" content="0"' in page.text


def test_a_desk_of_one_person_has_no_login(alone: Desk) -> None:
    page = Page(alone).get("/login")
    assert page.path == "/"
    assert "Log out" not in page.words

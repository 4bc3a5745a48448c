"""Redirects of ``http`` steps: what is asked next, and what does not go along; the rule is the upgrade's too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadws.transport.cookies import Jar
from loadws.transport.http.follow import followed
from loadws.transport.http.messages import HttpAnswer, HttpFailed, HttpRequest
from loadws.transport.opening.redirects import GO_ANYWHERE
from tests.kit.scripted_http import Asked, Reply, ScriptedHttp
from tests.transport.http.fetch import API, answer_of, fetch, get, raw, script

SECRETS = (
    ("Authorization", "Bearer geheim"),
    ("Proxy-Authorization", "Basic geheim"),
    ("Cookie", "id=geheim"),
    ("X-Api-Key", "geheim"),
    ("X-Auth-Token", "geheim"),
    ("X-Anything", "geheim"),
    ("Host", "inside.test"),
)
HARMLESS = (("User-Agent", "me"), ("Accept-Language", "de"))


def to(location: str, status: int = 302) -> Reply:
    return Reply(status, [("Location", location)])


@pytest.mark.parametrize(
    "location", ["http://other.test/x", "http://api.test:81/x", "https://api.test/x", "//other.test/x"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_origin_learns_no_secret(location: str, status: int) -> None:
    server = script(to(location, status), Reply())
    answer_of(server, get(headers=(*SECRETS, *HARMLESS)))
    first, second = server.asked
    assert first.headers["x-api-key"] == "geheim"
    assert "geheim" not in str(second)
    assert (second.headers["user-agent"], second.headers["accept-language"]) == ("me", "de")
    assert second.headers["host"] != "inside.test"


@pytest.mark.parametrize("location", ["/x", "http://api.test/x", "http://api.test:80/x", "http://API.test/x"])
def test_the_same_origin_gets_what_it_got(location: str) -> None:
    server = script(to(location), Reply())
    answer_of(server, get("http://ada:pw@api.test/", headers=SECRETS[3:]))
    assert server.asked[0].headers == server.asked[1].headers


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_goes_to_no_other_origin(status: int) -> None:
    server = script(to("http://other.test/x", status), Reply())
    assert fetch(server, HttpRequest("POST", API, body=b'{"password": "geheim"}')) == ["http.not_followed"]
    assert len(server.asked) == 1


def test_a_body_goes_on_at_its_origin() -> None:
    server = script(to("/x", 307), Reply())
    answer_of(server, HttpRequest("POST", API, (("Content-Type", "text/x"),), b"body"))
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", b"body")] * 2


@pytest.mark.parametrize(
    ("method", "status", "becomes"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("GET", 302, "GET"),
    ],
)
def test_the_method_is_what_browsers_make_of_it(method: str, status: int, becomes: str) -> None:
    body = None if method in ("GET", "HEAD") else b"body"
    headers = (("Content-Type", "text/x"), ("X-A", "1"))
    after = followed(HttpRequest(method, f"{API}/a", headers, body), status, "/b")
    assert (after.method, after.url) == (becomes, f"{API}/b")
    if becomes == method:
        assert (after.body, after.headers) == (body, headers)
    else:
        assert (after.body, after.headers) == (None, headers[1:])


@pytest.mark.parametrize(
    ("url", "location", "why"),
    [
        ("https://api.test/", "http://api.test/", "it leads from TLS to plain TCP"),
        ("https://api.test/", "https://other.test/", "the client certificate is not for that"),
    ],
)
def test_where_a_redirect_must_not_lead(url: str, location: str, why: str) -> None:
    with pytest.raises(HttpFailed, match=why) as failed:
        followed(get(url), 302, location, presents_certificate=True)
    assert failed.value.kind == "http.not_followed"


@pytest.mark.parametrize(
    "location",
    [
        *("data:,x", "data:text/plain,x", "mailto:a@b", "javascript:alert(1)", "http:80", "http://", "http:///x"),
        *("http://a..b/", "http://.../", "http://" + "x" * 300 + "/", "http://xn--/", "http://[::1", "http://[zz]/"),
        *("http://h:99999/", "http://h:0/", "http://h:x/", "ftp://h/", "ws://h/", "http://a b/", "http://a%41/"),
        "http://\xff/",
    ],
)
def test_a_location_that_is_no_address_is_one_failed_request(location: str) -> None:
    server = script(raw(f"HTTP/1.1 302 Found\nLocation: {location}\nContent-Length: 0\n\n"), Reply(body=b"and on"))
    failed, answer = fetch(server, get(), get())
    assert failed == "http.url"
    assert isinstance(answer, HttpAnswer)


def test_so_many_redirects_and_no_more() -> None:
    server = script(to("/x"))
    assert fetch(server, get(redirects=3)) == ["http.redirects"]
    assert len(server.asked) == 4
    assert answer_of(server, get(redirects=0)).status == 302


def test_a_redirect_without_a_location_is_an_answer() -> None:
    assert answer_of(script(Reply(302)), get()).status == 302
    assert answer_of(script(Reply(304, [("Location", "/x")])), get()).status == 304


def test_cookies_are_kept_and_sent_on_the_way_by_their_own_rules() -> None:
    async def handler(asked: Asked) -> Reply:
        if asked.target == "/login":
            return Reply(302, [("Location", "/home"), ("Set-Cookie", "s=1")])
        return Reply(302, [("Location", "http://other.test/away")]) if asked.target == "/home" else Reply()

    server, jar = ScriptedHttp(handler), Jar()
    answer = answer_of(server, get(f"{API}/login"), jar=jar)
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, "s=1", None]
    assert answer.cookies == dict(jar) == {"s": "1"}


def test_the_target_that_a_server_names_goes_out_as_it_says() -> None:
    server = script(
        raw("HTTP/1.1 302 Found\nLocation: /q?name=a%20b&flag&at=10:30|\xc3\xbc\xff\nContent-Length: 0\n\n"), Reply()
    )
    answer_of(server, get())
    assert server.asked[1].target == "/q?name=a%20b&flag&at=10:30|%C3%BC%FF"


@given(st.text(), st.sampled_from([301, 302, 303, 307, 308]), st.sampled_from(["GET", "POST"]), st.booleans())
def test_any_location_is_followed_or_a_failure_of_a_known_kind(
    location: str, status: int, method: str, secure: bool
) -> None:
    here = "https://api.test/" if secure else "http://api.test/"
    try:
        after = followed(HttpRequest(method, here, SECRETS, b"x" if method == "POST" else None), status, location)
    except HttpFailed as failed:
        assert failed.kind in ("http.url", "http.not_followed")
        return
    assert after.url.startswith(("http://", "https://"))
    if not after.url.startswith(here):
        assert {name.lower() for name, _ in after.headers} <= GO_ANYWHERE
        assert after.body is None

from __future__ import annotations

from loadws.metrics.frame import ErrorSample
from loadws.report.html.refusals import MOST_ANSWERS, ServerAnswer, server_answers
from tests.report import example


def _refused(at_s: float, body: str, status: int = 503) -> ErrorSample:
    detail = f"the server answered the upgrade with {status}"
    return ErrorSample(
        f"http.{status}", "connect", at_s, detail, 1, status, {"Retry-After": "1", "X-Internal": "secret"}, body
    )


def test_answers_that_are_alike_are_one_with_their_count() -> None:
    samples = [_refused(41.0, "full"), _refused(40.0, "full"), _refused(42.0, "draining")]
    assert server_answers(samples) == [
        ServerAnswer("HTTP 503", "connect", "full", "Retry-After: 1", 2, "40 s"),
        ServerAnswer("HTTP 503", "connect", "draining", "Retry-After: 1", 1, "42 s"),
    ]


def test_closes_are_told_with_their_reason_and_timeouts_are_no_answers() -> None:
    closed = ErrorSample("closed.1012", "ask", 3.0, "the peer closed the connection with code 1012: restart", 1)
    (answer,) = server_answers([closed, ErrorSample("timeout", "ask", 4.0, "no answer", 1)])
    assert (answer.what, answer.words) == ("closed.1012", "the peer closed the connection with code 1012: restart")


def test_a_server_that_says_something_else_each_time_fills_no_page() -> None:
    assert len(server_answers(_refused(float(n), f"request {n}") for n in range(500))) == MOST_ANSWERS


def test_what_a_server_says_is_text() -> None:
    (answer,) = server_answers([_refused(0.0, f"{example.ATTACKS[2]}\n" + "x" * 5_000)])
    assert "\x1b" not in answer.words
    assert len(answer.words) < 1_100

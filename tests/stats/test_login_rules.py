"""The rules that look back: what is an anomaly, over restarts, and what is forgotten."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from stats.login_rules import FREQUENT_IP, MANY_LOCALES, LoginRules

WINDOW = 60
LONG_AGO = -(10**9)

Login = tuple[int, str | None, str | None, str | None]
"""Time, device, locale, address."""

LOGINS = st.lists(
    st.tuples(
        st.integers(0, 150),
        st.sampled_from(["d1", "d2", None]),
        st.sampled_from(["US", "DE", "FR", "RU", None]),
        st.sampled_from(["ip1", "ip2", None]),
    ),
    max_size=60,
)


def naive(logins: list[Login], max_locales: int, max_logins: int) -> list[list[str]]:
    verdicts = []
    for at, (time, device, _, ip) in enumerate(logins):
        so_far = [login for login in logins[: at + 1] if login[0] // WINDOW == time // WINDOW]
        locales = {login[2] for login in so_far if login[1] == device and login[2] is not None}
        same_ip = sum(login[3] == ip for login in so_far)
        verdict = []
        if device is not None and len(locales) > max_locales:
            verdict.append(MANY_LOCALES)
        if ip is not None and same_ip > max_logins:
            verdict.append(FREQUENT_IP)
        verdicts.append(verdict)
    return verdicts


@settings(max_examples=120, deadline=None)
@given(LOGINS, st.integers(1, 3), st.integers(1, 4), st.sets(st.integers(0, 60)))
def test_verdicts_are_those_of_a_look_at_everything_whatever_the_restarts(
    logins: list[Login], max_locales: int, max_logins: int, restarts: set[int]
) -> None:
    rules = LoginRules(WINDOW, max_locales, max_logins)
    verdicts = []
    for at, (time, device, locale, ip) in enumerate(logins):
        if at in restarts:
            state = pickle.loads(pickle.dumps(rules.state()))
            rules = LoginRules(WINDOW, max_locales, max_logins, state)
        verdicts.append(rules.judge(time, LONG_AGO, device, locale, ip))
    assert verdicts == naive(logins, max_locales, max_logins)


def test_a_rule_that_is_off_finds_and_keeps_nothing() -> None:
    rules = LoginRules(WINDOW, None, 1)
    assert rules.judge(0, LONG_AGO, "d", "US", "ip") == []
    assert rules.judge(1, LONG_AGO, "d", "DE", "ip") == [FREQUENT_IP]
    assert rules.state()["locales"] == {}


def test_windows_that_are_over_are_forgotten_and_their_late_logins_not_judged() -> None:
    rules = LoginRules(WINDOW, 1, 1)
    for time in (0, 1, 61, 130):
        rules.judge(time, LONG_AGO, "d", str(time), "ip")
    rules.forget(watermark_us=120)
    state = rules.state()
    assert list(state["locales"]) == list(state["logins"]) == [120]
    assert rules.judge(59, 120, "d", "US", "ip") == []
    assert list(rules.state()["logins"]) == [120]


def test_a_state_does_not_change_with_what_comes_after_it() -> None:
    rules = LoginRules(WINDOW, 5, 5)
    rules.judge(0, LONG_AGO, "d", "US", "ip")
    state = rules.state()
    before = pickle.dumps(state)
    rules.judge(1, LONG_AGO, "d", "DE", "ip")
    assert pickle.dumps(state) == before


def test_of_a_device_no_more_locales_are_kept_than_it_takes() -> None:
    rules = LoginRules(WINDOW, 2, None)
    for number in range(50):
        rules.judge(0, LONG_AGO, "d", f"l{number}", None)
    assert len(rules.state()["locales"][0]["d"]) == 3

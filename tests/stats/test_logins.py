"""The summary of logins against a recomputation with counters, for any division into parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from zlib import crc32

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.distinct import SLOT, KeyTable, keys_of
from stats.logins import LOCALES, VERSIONS, LoginsSummary, summarize
from stats.tables import COUNT, CountTable

Login = tuple[str, str, str, str, str]
"""Device type, app version, locale, device, address."""

LOGINS = st.lists(
    st.tuples(
        st.sampled_from(["android", "iOS", "unknown", "t.v$"]),
        st.sampled_from(["2.3.0", "$1.0", "unknown"]),
        st.sampled_from(["US", "pt-BR", "unknown"]),
        st.sampled_from(["d1", "d2", "d10", "ü", "unknown"]),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1", "unknown"]),
    ),
    max_size=40,
)
DEVICES = KeyTable("devices", "device_id", 100, without="unknown")
IPS = KeyTable("ips", "ip", 100, without="unknown")


def counted(table: CountTable, keys: Sequence[tuple[str, ...]]) -> pl.DataFrame:
    rows = [(*key, count) for key, count in Counter(keys).items()]
    return pl.DataFrame(rows, schema=table.empty().schema, orient="row")


def kept(table: KeyTable, keys: Sequence[str]) -> pl.DataFrame:
    rows = [(key, None, count) for key, count in Counter(keys).items()]
    schema = {table.key: pl.String, SLOT: pl.Int32, COUNT: pl.Int64}
    return table.merge([pl.DataFrame(rows, schema=schema, orient="row")])


def summed(
    versions: Sequence[Login],
    locales: Sequence[Login],
    devices: Sequence[Login],
    ips: Sequence[Login],
    k: int,
) -> LoginsSummary:
    return summarize(
        counted(VERSIONS, [login[:2] for login in versions]),
        counted(LOCALES, [login[2:3] for login in locales]),
        keys_of(DEVICES, kept(DEVICES, [login[3] for login in devices])),
        keys_of(IPS, kept(IPS, [login[4] for login in ips])),
        k,
    )


def naive(logins: Sequence[Login], k: int) -> LoginsSummary:
    versions: dict[str, dict[str, int]] = {}
    for kind, version, *_ in logins:
        counts = versions.setdefault(kind, {})
        counts[version] = counts.get(version, 0) + 1
    ips = Counter(login[4] for login in logins if login[4] != "unknown")
    return LoginsSummary(
        top_k=k,
        by_version=versions,
        by_locale=dict(Counter(login[2] for login in logins)),
        devices=len({login[3] for login in logins} - {"unknown"}),
        devices_exact=True,
        ips=len(ips),
        ips_exact=True,
        ips_error=0,
        frequent_ips=sorted(ips.items(), key=lambda entry: (-entry[1], entry[0]))[:k],
    )


@settings(max_examples=80, deadline=None)
@given(LOGINS, st.integers(1, 4))
def test_summary_is_what_counters_say(logins: list[Login], k: int) -> None:
    summary = summed(logins, logins, logins, logins, k)
    assert summary == naive(logins, k)
    assert summary.events == len(logins)
    assert summary.by_device_type == Counter(login[0] for login in logins)
    assert summary.app_versions == sorted(
        ((*key, count) for key, count in Counter(login[:2] for login in logins).items()),
        key=lambda entry: (-entry[2], entry[0], entry[1]),
    )


@settings(max_examples=80, deadline=None)
@given(LOGINS, st.integers(1, 4))
def test_merged_parts_are_the_summary_of_the_whole(logins: list[Login], k: int) -> None:
    def part(group: int) -> LoginsSummary:
        """Return one key group's part: the rows of each table whose first key falls into it."""

        def own(field: int) -> list[Login]:
            return [login for login in logins if crc32(login[field].encode()) % 3 == group]

        return summed(own(0), own(2), own(3), own(4), k)

    a, b, c = map(part, range(3))
    whole = naive(logins, k)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b) == whole
    assert reduce(LoginsSummary.merge, [b, c, a]) == whole


@settings(max_examples=40, deadline=None)
@given(LOGINS)
def test_summary_survives_the_recovery_store(logins: list[Login]) -> None:
    summary = summed(logins, logins, logins, logins, 3)
    stored = msgspec.msgpack.encode(summary)
    assert msgspec.msgpack.decode(stored, type=LoginsSummary) == summary


def test_what_is_not_exact_in_a_part_is_not_exact_in_the_whole() -> None:
    exact = naive([("android", "1", "US", "d1", "10.0.0.1")], 5)
    sketched = msgspec.structs.replace(exact, devices_exact=False, ips_error=7)
    both = exact.merge(sketched)
    assert (both.devices_exact, both.ips_exact, both.ips_error) == (False, True, 7)
    assert sketched.merge(exact) == both

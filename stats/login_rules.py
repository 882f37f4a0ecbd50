"""Rules that make a login an anomaly by the logins before it, and what they have to remember.

What is remembered belongs to a tumbling window and goes with it: memory is bounded by the devices
and addresses of the windows that are open. The same logins in the same order give the same
verdicts, however they were cut into batches.
"""

from __future__ import annotations

from typing import Any

MANY_LOCALES = "many_locales"
FREQUENT_IP = "frequent_ip"


class LoginRules:
    """The rules `many_locales` (of a device) and `frequent_ip`; None switches one off.

    Up to `max_locales` locales of a device, and `max_logins` logins from an address, are no
    anomaly; the first login beyond is, and each one of that device or address after it in its
    window.
    """

    def __init__(
        self,
        window_us: int,
        max_locales: int | None,
        max_logins: int | None,
        state: dict[str, Any] | None = None,
    ) -> None:
        self._window_us = window_us
        self._max_locales = max_locales
        self._max_logins = max_logins
        self._locales: dict[int, dict[str, set[str]]] = {}
        self._logins: dict[int, dict[str, int]] = {}
        if state is not None:
            self._logins = {start: dict(counts) for start, counts in state["logins"].items()}
            self._locales = {
                start: {device: set(locales) for device, locales in devices.items()}
                for start, devices in state["locales"].items()
            }

    def judge(
        self,
        event_time_us: int,
        watermark_us: int,
        device: str | None,
        locale: str | None,
        ip: str | None,
    ) -> list[str]:
        """Return why the login that comes next is an anomaly; None is what it does not tell.

        `watermark_us` is the watermark before it. A late login is not judged: its window is over,
        and what was known of it is forgotten.
        """
        start_us = event_time_us - event_time_us % self._window_us
        reasons: list[str] = []
        if start_us + self._window_us <= watermark_us:
            return reasons
        if self._max_locales is not None and device is not None:
            seen = self._locales.setdefault(start_us, {}).setdefault(device, set())
            # One more than are allowed is all that has to be known.
            if locale is not None and len(seen) <= self._max_locales:
                seen.add(locale)
            if len(seen) > self._max_locales:
                reasons.append(MANY_LOCALES)
        if self._max_logins is not None and ip is not None:
            counts = self._logins.setdefault(start_us, {})
            counts[ip] = counts.get(ip, 0) + 1
            if counts[ip] > self._max_logins:
                reasons.append(FREQUENT_IP)
        return reasons

    def forget(self, watermark_us: int) -> None:
        """Forget the windows that are over."""
        kept: dict[int, Any]
        for kept in (self._locales, self._logins):
            for start_us in [s for s in kept if s + self._window_us <= watermark_us]:
                del kept[start_us]

    def state(self) -> dict[str, Any]:
        """Return what to go on with, as plain values, independent of later changes."""
        return {
            "locales": {
                start: {device: sorted(seen) for device, seen in devices.items()}
                for start, devices in self._locales.items()
            },
            "logins": {start: dict(counts) for start, counts in self._logins.items()},
        }

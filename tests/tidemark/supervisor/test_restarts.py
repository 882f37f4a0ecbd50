"""When a group is started again."""

from __future__ import annotations

from tidemark.supervisor.restarts import Policy, Restarts

POLICY = Policy(first_delay_s=1, max_delay_s=5, stable_after_s=60, max_restarts=4)


def test_delays_double_up_to_a_limit_and_then_it_is_given_up() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.next_delay_s(1) for _ in range(5)] == [1, 2, 4, 5, None]


def test_a_stable_run_starts_the_count_again() -> None:
    restarts = Restarts(POLICY)
    assert [restarts.next_delay_s(ran_s) for ran_s in (1, 1, 60, 1)] == [1, 2, 1, 2]


def test_what_has_run_well_is_never_given_up() -> None:
    restarts = Restarts(POLICY)
    restarts.next_delay_s(61)
    assert [restarts.next_delay_s(1) for _ in range(100)][-1] == 5


def test_what_is_killed_from_outside_is_never_given_up_but_waits_longer() -> None:
    restarts = Restarts(Policy(first_delay_s=1, max_delay_s=5, max_restarts=2))
    assert [restarts.next_delay_s(1, killed=True) for _ in range(6)] == [1, 2, 4, 5, 5, 5]
    assert [restarts.next_delay_s(1) for _ in range(3)] == [5, 5, None]

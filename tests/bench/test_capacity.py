from __future__ import annotations

import pytest

from bench import capacity
from tests.bench.samples import BUSY, COSTS_US, MEMORY, given, results, run


@pytest.fixture(scope="module")
def model() -> capacity.Model:
    return capacity.fit(capacity.samples(results()))


def test_known_costs_are_found(model: capacity.Model) -> None:
    assert model.costs_us == pytest.approx(COSTS_US, rel=1e-6)
    assert model.memory == pytest.approx(MEMORY, rel=1e-6)
    assert model.busy == pytest.approx(BUSY)


def test_what_was_held_out_is_foretold(model: capacity.Model) -> None:
    (held_out,) = capacity.samples(results(), ["holdout"])
    assert model.cpu_s_per_million(held_out.given) == pytest.approx(held_out.cpu_s_per_million)
    assert model.peak_mib(held_out.given) == pytest.approx(held_out.peak_mib)
    assert model.events_per_s(held_out.given) == pytest.approx(run(held_out.given)["events_per_s"])


def test_what_was_held_out_is_not_fitted() -> None:
    assert not [each for each in capacity.samples(results()) if "holdout" in each.name]


def test_a_cost_is_never_below_zero() -> None:
    found = capacity.samples(results())
    # Larger values that cost less than small ones: noise, not a gift.
    odd = [
        capacity.Sample(
            each.name,
            each.given,
            each.cpu_s_per_million * (0.3 if "5000" in each.name else 1.0),
            each.peak_mib,
            each.busy,
        )
        for each in found
    ]
    costs = capacity.fit(odd).costs_us
    assert costs["kilobyte"] == 0.0
    assert all(cost >= 0.0 for cost in costs.values())


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(capacity.TooFewSamples, match="too few"):
        capacity.fit(capacity.samples(results())[: len(capacity.TERMS)])


def test_runs_beside_a_server_on_the_same_cores_are_not_samples() -> None:
    found = results()
    found["stores"].given["InfluxDB"] = given(influx=1.0)
    assert len(capacity.samples(found)) == len(capacity.samples(results()))


def test_twice_the_load_needs_twice_the_cores_and_the_network(model: capacity.Model) -> None:
    one, two = (
        capacity.need(model, rate, given(users=1e4 * rate / 1e6, partitions=48.0), 10.0)
        for rate in (1e6, 2e6)
    )
    assert two.cores == pytest.approx(2 * one.cores, rel=0.1)
    assert two.network_mbit_per_s == 2 * one.network_mbit_per_s == 2 * 1e6 * 200.0 * 8 / 1e6
    assert two.processes > one.processes


def test_a_need_keeps_a_reserve(model: capacity.Model) -> None:
    load = given()
    most = model.events_per_s(load)
    assert capacity.need(model, most * capacity.RESERVE * 0.9, load, 40.0).processes == 1
    assert capacity.need(model, most * capacity.RESERVE * 1.1, load, 40.0).processes == 2


def test_documents_and_state_follow_the_keys(model: capacity.Model) -> None:
    needed = capacity.need(model, 1e5, given(users=9e4, items=1e4), 10.0)
    assert needed.documents_per_s == 1e4
    assert needed.state_mb == pytest.approx(1e5 * MEMORY["key"] / 1e6)


def test_limits_come_in_the_order_in_which_they_are_reached(model: capacity.Model) -> None:
    found = capacity.limits(model, results(), given(items=1_000.0))
    reached = [limit.events_per_s for limit in found]
    assert reached == sorted(reached)
    by_name = {limit.what: limit.events_per_s for limit in found}
    card = by_name["a network card of 10 Gbit/s, values alone"]
    assert card == pytest.approx(10e9 / 8 / 200.0)
    # 100 documents a second are items; each of the others is a user with ten events.
    assert by_name["SQLite, one core writing a backlog"] == pytest.approx((1e6 / 8.0 - 100) * 10)

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tidemark.config.engine import RunSettings


def test_a_run_is_alone_by_default() -> None:
    assert RunSettings().cluster() == ()


def test_a_member_knows_all_addresses_in_order() -> None:
    assert RunSettings(addresses="b:1, a:2", member=1).cluster() == ("b:1", "a:2")


def test_addresses_alone_make_no_member() -> None:
    assert RunSettings(addresses="b:1,a:2").cluster() == ()


@pytest.mark.parametrize(("addresses", "member"), [(None, 0), ("a:1,b:1", 2), ("a:1", 1)])
def test_a_member_without_an_address_is_refused(addresses: str | None, member: int) -> None:
    with pytest.raises(ValidationError):
        RunSettings(addresses=addresses, member=member)

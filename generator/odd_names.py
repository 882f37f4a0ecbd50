"""Names as people give them: with dots, dollars, spaces, quotes and letters beyond ASCII."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

CATEGORIES: Final = ("home & garden", "toys.games", "$pecial offers", "Bücher", "a.b$c", "食品")
ACTIVITY_TYPES: Final = ("checkout.start", "add to cart", "$share", "näytä", 'say "hi"')
PAYMENT_METHODS: Final = ("pay.later", "store $ credit", "Überweisung")
PRODUCTS: Final = ("crème-brûlée", "v2.0 kit", "$5 bundle", "日本茶", '19" screen', "back\\slash")


def with_odd_names(
    weights: Mapping[str, float], odd: Sequence[str], share: float
) -> dict[str, float]:
    """Return the weights with odd names beside them that get `share` of the draws together."""
    if share <= 0.0:
        return dict(weights)
    total = sum(weights.values())
    usual = {name: weight / total * (1.0 - share) for name, weight in weights.items()}
    for name in odd:
        usual[name] = usual.get(name, 0.0) + share / len(odd)
    return usual


def replaced(words: Sequence[str], odd: Sequence[str], share: float) -> list[str]:
    """Return the words with `share` of them (at least one, if any) replaced, evenly spread."""
    mixed = list(words)
    count = min(len(mixed), max(1, round(share * len(mixed)))) if share > 0.0 else 0
    for at in range(count):
        mixed[(2 * at + 1) * len(mixed) // (2 * count)] = odd[at % len(odd)]
    return mixed

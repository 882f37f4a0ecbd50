"""The users of all streams: the same seed gives the same people everywhere."""

from __future__ import annotations

from faker import Faker

from generator.population import Pool, Skew, user_names
from generator.settings import GeneratorSettings
from generator.streams.keys import Keys


def seeded_faker(settings: GeneratorSettings) -> Faker:
    """Return the source of names; streams ask it for users first, then for products."""
    faker = Faker("en_US")
    faker.seed_instance(settings.seed)
    return faker


def user_skew(settings: GeneratorSettings) -> Skew:
    """Return how unevenly users take part."""
    population = settings.population
    return Skew.zipf(population.users, population.user_skew, population.hot_user_share)


def item_skew(settings: GeneratorSettings) -> Skew:
    """Return how unevenly items are chosen."""
    population = settings.population
    return Skew.zipf(population.items, population.item_skew, population.hot_item_share)


def user_keys(settings: GeneratorSettings, faker: Faker, partitions: int) -> Keys:
    """Make the users of a stream that is keyed by user."""
    pool = Pool.numbered("user_id", user_names(faker), settings.population.users)
    return Keys("user", pool, user_skew(settings), settings, partitions)

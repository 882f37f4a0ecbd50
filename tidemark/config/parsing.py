"""Make values of text, as the environment gives it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import yaml

from tidemark.config.tree import Leaf, takes

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
# A comma also separates the hosts of one mongodb address.
_NEXT_URL = re.compile(r",(?=\s*(?:null:|sqlite:|[a-z+]+://))")


def parse(leaf: Leaf, text: str) -> Any:
    """Make a value of text as the type of the setting asks.

    What does not fit is returned as it is: validation then says what is expected.
    """
    annotation = leaf.field.annotation
    if text.strip().lower() == "null" and takes(annotation, type(None)):
        return None
    if takes(annotation, tuple) or takes(annotation, list):
        return _parse_list(text)
    if takes(annotation, dict):
        return _parse_yaml(text)
    word = text.strip()
    if takes(annotation, bool):
        return True if word.lower() in _TRUE else False if word.lower() in _FALSE else text
    if takes(annotation, int) and re.fullmatch(r"[+-]?\d{1,30}", word):
        return int(word)
    if takes(annotation, float):
        try:
            return float(word)
        except ValueError:
            return text
    if takes(annotation, datetime):
        return _parse_yaml(text)
    return text


def _parse_list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _parse_yaml(text)
    has_urls = "://" in text or re.match(r"\s*(null|sqlite):", text)
    parts = _NEXT_URL.split(text) if has_urls else text.split(",")
    return [part.strip() for part in parts]


def _parse_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text

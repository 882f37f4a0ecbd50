"""The configuration: one typed tree, loaded from layers, all problems reported at once."""

from __future__ import annotations

from tidemark.config.load import Loaded, load_settings, load_with_origins
from tidemark.config.settings import Settings

__all__ = ["Loaded", "Settings", "load_settings", "load_with_origins"]

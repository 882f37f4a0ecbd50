"""Sinks: where results go, chosen by URL."""

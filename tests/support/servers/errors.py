"""What can go wrong with a test server."""

from __future__ import annotations


class ServerError(Exception):
    """A server could not be installed, started or asked."""


class ToolMissingError(ServerError):
    """A tool that the server needs (Java, Maven, Go) is not on this machine."""

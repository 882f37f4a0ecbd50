"""Tests of Tidemark; a package, so that no other `tests` on the import path can take its place."""

"""Peers: the same counts by what a user would pick instead, on the same topic, one by one.

    make bench-peers                python -m bench.peers --help

Each job in `jobs/` is written as its own documentation would, and runs in an environment of its own
in the cache folder, with pinned versions. CPU and memory are those of its whole process tree.
"""

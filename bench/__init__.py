"""Benchmarks: the job beside a bare consumer, on the same topic in the same run.

    make bench                      python -m bench --help

Absolute figures depend on the machine; compare the ratios within one run.
"""

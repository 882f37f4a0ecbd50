"""Tidemark's generator of test data: columns of events, faults, ground truth, producer."""

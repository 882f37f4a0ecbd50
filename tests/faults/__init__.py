"""Break the job at random moments, then compare every stored value with the ground truth.

`pytest tests/faults` runs the short versions, `python -m tests.faults` (`make chaos`) the long
ones. Everything random comes from one seed, which is printed; TIDEMARK_FAULT_SEED replays it.
"""

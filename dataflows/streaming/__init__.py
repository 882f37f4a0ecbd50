"""The engine: the only code that knows Bytewax.

The way of an event: `source` polls a Kafka partition, `reader` and `decode` turn its messages into
columns and sort out what is rejected or late, `split` counts them into small tables per window and
key group, `windows` keeps those per key group until the `watermark` has passed, `summary` merges
what the groups say, `outputs` writes. `operators` puts these together as Bytewax streams.
"""

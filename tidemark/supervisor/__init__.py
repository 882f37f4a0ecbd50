"""Run the dataflow as a group of processes that lives, dies and restarts as one.

`recovery.prepare_store` makes the recovery store ready, `group.Supervisor` starts the workers and
keeps them going. Nothing is imported here: the workers, too, are in this package, and have to start
soon.
"""

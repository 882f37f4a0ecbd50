"""Statistics as pure functions of frames: no I/O, no clock, no stream processor."""

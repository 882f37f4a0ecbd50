"""What a run tells about itself: metrics, health, readiness.

`metrics` holds every metric; the engine and the stores count there and nowhere else.
"""

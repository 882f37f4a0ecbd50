"""Telling people of alerts, in a process of its own.

It reads the topic of alerts, so the dataflow never waits for it; what it has sent is kept in a
file, so that each channel gets one message per begin and end, over any restart of either.

`news` are alerts as they come, `journal` is the file, `messages` the texts, `channels` who is told,
`delivery` sends to one of them, `reading` follows the topic, `service` is all of it together, and
`beside` runs it next to a dataflow.
"""

from __future__ import annotations

"""Alert rules: what is watched in the final windows of a pipeline, as the settings say.

`resolve` makes rules of settings, `machine` says when an alert begins and ends, `keys` and
`documents` follow the windows of a key group and the summaries of whole windows, `attach` adds both
to a flow.
"""

from __future__ import annotations

"""What the layers above may hear. Each is sent once the transaction has committed, with plain values.

run_started(run, project)            a run was created, or went on after it had ended
run_changed(run, project, version)   an attribute, config, summary, tag or state is another than before
records_added(run, project, kinds)   console lines, values or alerts have been stored
project_changed(project, team)       a project was made, changed, deleted or restored
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

run_started = Signal()
run_changed = Signal()
records_added = Signal()
project_changed = Signal()


def after_commit(signal: Signal, **values: Any) -> None:
    """Send the signal when the transaction has committed. A receiver's failure stays its own."""
    transaction.on_commit(partial(signal.send_robust, None, **values), robust=True)

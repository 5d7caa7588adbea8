"""Which run a callback writes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import isoline
from isoline import Run


class Target:
    """The run that was given, else the current one, else one that is begun with `options` when it is needed."""

    def __init__(self, run: Run | None, options: Mapping[str, Any]) -> None:
        """
        options: what `isoline.init` takes.
        """
        self._run = run
        self._options = dict(options)
        self._is_own = False

    def begin(self) -> Run:
        """Return the run. Raises what `isoline.init` raises."""
        if self._run is None:
            self._run = isoline.current_run()
        if self._run is None:
            self._run = isoline.init(**self._options)
            self._is_own = True
        return self._run

    def finish(self, exit_code: int = 0) -> None:
        """End the run if it was begun here. The next `begin` then begins another one."""
        if self._is_own and self._run is not None:
            self._run.finish(exit_code)
            self._run, self._is_own = None, False

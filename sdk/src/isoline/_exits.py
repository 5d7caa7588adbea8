"""How the interpreter is about to end: an uncaught exception, `sys.exit(code)`, or quietly."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, NoReturn


class ExitWatch:
    """Remembers the last uncaught exception and exit code. Installed once per process."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.code: int | None = None
        self._is_installed = False

    def install(self) -> None:
        """Stand in front of `sys.excepthook` and `sys.exit`; both still do what they did. Idempotent."""
        if self._is_installed:
            return
        self._is_installed = True
        excepthook, leave = sys.excepthook, sys.exit

        def on_exception(
            kind: type[BaseException], error: BaseException, traceback: TracebackType | None
        ) -> Any:
            self.error = error
            return excepthook(kind, error, traceback)

        def on_exit(status: Any = None) -> NoReturn:
            self.code = 0 if status is None else status if isinstance(status, int) else 1
            leave(status)

        sys.excepthook = on_exception
        sys.exit = on_exit


watch = ExitWatch()

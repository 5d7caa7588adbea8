"""`python -m demo`: start a server and the trainings, tell how far they are, end all of it on Ctrl+C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from .server import TEAM, Account, DemoServer, NotStarted
from .trainings import Runner, plan

_TURN_S = 0.2
_TOLD_EVERY_S = 15.0


def main() -> int:
    asked = _parse()
    # SIGINT too: what was started in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        print("Starting Isoline. The first start takes a few seconds …", flush=True)
        with DemoServer(asked.home, asked.port) as server:
            account = server.account()
            server.describe(account)
            print(_welcome(server, account), flush=True)
            _train(server, account, share=asked.share)
    except NotStarted as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    print(f"Stopped. Everything is kept in {asked.home}; `make demo` goes on from there.")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="where to listen; taken: any that is free")
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get("ISOLINE_HOME") or "~/.isoline-demo"),
        help="where everything is kept (default: $ISOLINE_HOME or ~/.isoline-demo)",
    )
    parser.add_argument("--share", type=float, default=1.0, help="how much of the work to do, for tests")
    asked = parser.parse_args()
    asked.home = asked.home.expanduser().absolute()
    return asked


def _welcome(server: DemoServer, account: Account) -> str:
    return (
        f"\n  Open      {server.url}/{TEAM}/digits"
        f"\n  Sign in   {account.email}"
        f"\n  Password  {account.password}"
        "\n\n  Which learning rate is best, and what happened to the run that failed?"
        "\n  Ctrl+C stops everything.\n"
    )


def _train(server: DemoServer, account: Account, *, share: float) -> None:
    """Run the round's trainings, then keep the server until we are told to stop."""
    runner = Runner(
        plan(account.rounds, share=share), url=server.url, key=account.key, team=TEAM, folder=server.home
    )
    line = _Line()
    try:
        while server.is_running:
            runner.turn()
            line.show(_progress(runner), is_last=not (runner.running or runner.waiting))
            time.sleep(_TURN_S)
        raise NotStarted(f"The server has ended; see {server.log}.")
    finally:
        # Whoever is impatient now would leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("\nStopping …", flush=True)
        runner.stop()


def _progress(runner: Runner) -> str:
    total = len(runner.waiting) + len(runner.running) + len(runner.done)
    failed = [training for training, code in runner.done if code]
    astray = sum(not training.is_to_fail for training in failed)
    parts = [f"{len(runner.done)} of {total} trainings have ended"]
    if len(failed) > astray:
        parts.append("1 failed, as it was to")
    if astray:
        parts.append(f"{astray} failed that should not have; see trainings.log")
    if runner.running:
        parts.append(f"{len(runner.running)} running")
    else:
        parts.append("the server stays up")
    return " · ".join(parts)


class _Line:
    """One line that is written over on a terminal; elsewhere a new one now and then."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._shown = ""
        self._at = float("-inf")

    def show(self, text: str, *, is_last: bool) -> None:
        if text == self._shown:
            return
        if self._is_terminal:
            print(f"\r\x1b[2K  {text}", end="", flush=True)
        elif time.monotonic() - self._at >= _TOLD_EVERY_S or is_last:
            print(f"  {text}", flush=True)
        else:
            return
        self._shown, self._at = text, time.monotonic()


if __name__ == "__main__":
    sys.exit(main())

"""The demo's server: `manage.py up` on a home of its own, with a person, a team and a key."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
EMAIL = "demo@example.org"
TEAM = "lab"
PROJECTS = {
    "digits": "A small network on 8 × 8 handwritten digits: which learning rate reaches the best val/accuracy?"
    " One run was given a rate it could not stand.",
    "breast-cancer": "Logistic regression on 30 measurements of cell nuclei, at four learning rates;"
    " and one run that logs two million losses, one a sample.",
}

_MANAGE = [sys.executable, str(ROOT / "manage.py")]
_READY_WITHIN_S = 120
_STOPPED_WITHIN_S = 40


class NotStarted(Exception):
    """Why there is no server, in one line."""


@dataclass
class Account:
    """Who signs in to the demo, and the key its trainings log with. rounds: how often it has been started."""

    email: str
    password: str
    key: str
    rounds: int = 0


class DemoServer:
    """Entered, it waits until the server is ready."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.log = home / "demo.log"
        self.url = ""
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("wb") as log:
            # A session of its own: Ctrl+C in the terminal is for us, who stop things in order.
            self._process = subprocess.Popen(
                [*_MANAGE, "up", "--home", str(home), "--port", str(_free_port(port))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> DemoServer:
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def account(self) -> Account:
        """Return the person of this home; the first time, make them with a password of chance."""
        path = self.home / "demo.json"
        if path.exists():
            account = Account(**json.loads(path.read_text()))
        else:
            password = "-".join(secrets.token_hex(2) for _ in range(4))
            self._manage("create_user", "--email", EMAIL, "--password-stdin", stdin=password)
            self._manage("create_team", "--slug", TEAM, "--owner", EMAIL)
            key = self._manage("create_key", "--email", EMAIL, "--team", TEAM, "--scope", "write")
            account = Account(EMAIL, password, key)
        account.rounds += 1
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(account), file)
        return account

    def describe(self, account: Account) -> None:
        """Make the projects that are not there yet, with a word on what is asked in each."""
        with httpx.Client(base_url=f"{self.url}/api/v1", timeout=30) as client:
            client.headers["Authorization"] = f"Bearer {account.key}"
            for slug, description in PROJECTS.items():
                if client.get(f"/teams/{TEAM}/projects/{slug}").status_code == 404:
                    project = {"name": slug, "slug": slug, "description": description}
                    client.post(f"/teams/{TEAM}/projects", json=project).raise_for_status()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self.url:
            said = self.log.read_text(errors="replace").splitlines()
            self.url = next((line.rsplit(" ", 1)[1] for line in said if "is ready at" in line), "")
            if not self.is_running or time.monotonic() > deadline:
                raise NotStarted(said[-1] if said else f"The server did not start; see {self.log}.")
            time.sleep(0.1)

    def _manage(self, *argv: str, stdin: str = "") -> str:
        done = subprocess.run(
            [*_MANAGE, *argv, "--home", str(self.home)], input=stdin, capture_output=True, text=True
        )
        if done.returncode:
            raise NotStarted(done.stderr.strip())
        return done.stdout.strip()


def _free_port(wanted: int) -> int:
    """Return the port, or one that is free if somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted

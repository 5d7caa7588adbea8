"""isoline verify: try a server, one promise at a time."""

from __future__ import annotations

import argparse
import math
import struct
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from isoline._client import Client
from isoline._commands._server import add_server, open_api
from isoline._live import Live, LiveEnded
from isoline.errors import IsolineError, NotFound, RequestRefused
from isoline.history import number
from isoline.stored import StoredRun

PATIENCE_S = 15.0
PROJECT = "isoline-verify"

# What formats and databases like to get wrong. A quiet NaN; the smallest denormal; both zeros.
FLOATS = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e22]
INTEGERS = [2**63 - 1, -(2**63), 2**53 + 1, 0]


class Failed(Exception):
    """A promise was not kept; the message says how."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="try a server: what works is printed",
        description=f"Begin a run in the project `{PROJECT}`, send what a client may send, read it back, follow it "
        "live, and delete it. Each line is a promise of the server. Exits with 0 if all are kept.",
    )
    parser.add_argument("-t", "--team", help="a team's slug; by default the key's own")
    parser.add_argument("--keep", action="store_true", help="leave the run there, to be looked at")
    add_server(parser)
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace) -> int:
    with open_api(asked) as api:
        probe = _Probe(api._client, asked.team)
        sys.stdout.write(f"{api.url}\n")
        failures = 0
        try:
            for promise, check in probe.checks(keeps=asked.keep):
                failures += not _tell(promise, check)
                if probe.run is None and failures:
                    break  # without a run there is nothing to try
        finally:
            probe.close()
    sys.stdout.write("All promises are kept.\n" if not failures else f"{failures} of them not kept.\n")
    return 1 if failures else 0


def _tell(promise: str, check: Callable[[], None]) -> bool:
    began = time.perf_counter()
    try:
        check()
    except (Failed, IsolineError) as error:
        sys.stdout.write(f"FAILED  {promise}: {error}\n")
        return False
    except (KeyError, TypeError, ValueError) as error:
        sys.stdout.write(
            f"FAILED  {promise}: the answer has another shape: {type(error).__name__}: {error}\n"
        )
        return False
    sys.stdout.write(f"ok      {promise} ({(time.perf_counter() - began) * 1000:.0f} ms)\n")
    sys.stdout.flush()
    return True


class _Probe:
    """A run that is begun, fed, read and deleted; its batches are numbered by hand."""

    def __init__(self, client: Client, team: str | None) -> None:
        self.run: StoredRun | None = None
        self._client = client
        self._begun = {"project": PROJECT, "id": uuid.uuid4().hex, "tags": ["verify"], "config": {"lr": 0.1}}
        if team:
            self._begun["team"] = team
        self._stream = str(uuid.uuid4())
        self._live: Live | None = None

    def checks(self, *, keeps: bool) -> list[tuple[str, Callable[[], None]]]:
        """Return the promises in the order in which they are tried."""
        found: list[tuple[str, Callable[[], None]]] = [
            ("it answers and accepts the key", self._sign_in),
            ("a run is begun", self._begin),
            ("the same id is the same run", self._begin_again),
            ("a websocket follows the run", self._follow),
            ("a batch of rows is stored", self._send_rows),
            ("the points come over the websocket", self._hear),
            ("a batch sent twice is stored once", self._repeat),
            ("another batch under the same number is refused", self._diverge),
            ("a batch out of turn is refused, and the missing one named", self._leave_gap),
            ("batches that are lost are recorded as lost", self._lose),
            ("a batch of columns is stored", self._send_columns),
            ("a bad record is told, and the rest of its batch stored", self._send_bad_record),
            ("a batch that cannot be read changes nothing", self._send_garbage),
            ("points are read back exactly", self._read_back),
            ("rows are read back as they were logged", self._read_rows),
            ("a tile counts every point", self._draw),
            ("config, tags, console and texts arrive", self._read_records),
            ("the run is found by a query", self._search),
            ("the run ends once", self._end),
        ]
        if not keeps:
            found += [("the run is deleted and takes no more", self._delete)]
        return found

    def close(self) -> None:
        """Hang up."""
        if self._live is not None:
            self._live.close()

    def _sign_in(self) -> None:
        me = self._client.get("/me")
        _expect(
            {"write"} <= set(me["scopes"]) or {"ingest", "read"} <= set(me["scopes"]),
            f"the key may only {me['scopes']}",
        )

    def _begin(self) -> None:
        told = self._client.ask("POST", "/runs", json={**self._begun, "resume": "never"})
        self.run = StoredRun(self._client, self._client.get(f"/runs/{told['id']}"))
        _expect(self.run.config == {"lr": 0.1}, "the config is not what was sent")

    def _begin_again(self) -> None:
        told = self._client.ask("POST", "/runs", json={**self._begun, "resume": "allow"})
        _expect(told["id"] == self._id, "another run was begun")

    def _follow(self) -> None:
        self._live = Live(self._client.url, self._client.key)
        self._live.send({"type": "subscribe_run", "run": self._id, "metrics": "*", "ref": 1})
        self._await("subscribed")

    def _send_rows(self) -> None:
        told = self._put(0, msgspec.json.encode(self._rows(0.5)))
        _expect(told["status"] == "acked" and told["next"] == 1, f"it answered {told}")

    def _hear(self) -> None:
        _expect(self._live is not None, "there is no websocket")
        message = self._await("points", "changed")
        if message["type"] == "points":
            values = {
                each["metric"]: each["values"] for group in message["groups"] for each in group["columns"]
            }
            _expect(values.get("loss") == [0.5], f"it told {values}")

    def _repeat(self) -> None:
        told = self._put(0, msgspec.json.encode(self._rows(0.5)))
        _expect(told["status"] == "duplicate", f"it answered {told}")

    def _diverge(self) -> None:
        self._refused("diverged", 409, 0, msgspec.json.encode(self._rows(0.75)))

    def _leave_gap(self) -> None:
        error = self._refused("gap", 409, 3, msgspec.json.encode(self._rows(0.75)))
        _expect(error.details.get("expected") == 1, f"it expects {error.details}")

    def _lose(self) -> None:
        body = msgspec.json.encode({"rows": [{"step": 1, "values": {"loss": 0.25}}]})
        told = self._put(3, body, {"Isoline-Lost": "1-2"})
        _expect(told["lost"] == [[1, 2]] and told["next"] == 4, f"it answered {told}")

    def _send_columns(self) -> None:
        floats = struct.pack(f"<{len(FLOATS)}d", *FLOATS)
        integers = struct.pack(f"<{len(INTEGERS)}q", *INTEGERS)
        axis = {"row": [10, 1], "step": [10, 1], "time": [1_700_000_000_000_000, 1]}
        groups = [
            {"n": len(FLOATS), **axis, "blocks": [
                {"kind": "f64", "names": ["floats"], "values": floats},
                {"kind": "i64", "names": ["integers"], "values": integers,
                 "at": struct.pack(f"<{len(INTEGERS)}I", *range(len(INTEGERS)))},
                {"kind": "bool", "names": ["truth"], "values": bytes(n % 2 for n in range(len(FLOATS)))},
            ]}
        ]  # fmt: skip
        body = msgspec.msgpack.encode({"v": 1, "groups": groups})
        told = self._put(4, body, {"Content-Type": "application/msgpack"})
        _expect(told["status"] == "acked", f"it answered {told}")

    def _send_bad_record(self) -> None:
        line = {"n": 0, "time": 1_700_000_000_000_000, "fd": "stdout", "text": "verified"}
        records = [
            {"type": "no-such-type"},
            {"type": "console", "lines": [line]},
            {"type": "config", "set": {"seen": True}},
            {"type": "value", "key": "note", "row": 30, "step": 30, "time": 1, "value": "a text"},
        ]
        told = self._put(
            5, msgspec.json.encode({"rows": [{"step": 30, "values": {"loss": 0.125}}], "records": records})
        )
        codes = [each["code"] for each in told["rejected"]]
        _expect(codes == ["unknown_record"], f"it rejected {codes}")

    def _send_garbage(self) -> None:
        try:
            self._put(6, b"{")
        except RequestRefused as error:
            _expect(error.status == 400, f"it answered {error.status} {error.code}")
        else:
            raise Failed("it was accepted")

    def _read_back(self) -> None:
        told = self._client.get(f"/runs/{self._id}/history")["series"]
        found = {each["metric"]: [number(value) for value in each["values"]] for each in told}
        _expect(_bits(found["floats"]) == _bits(FLOATS), f"floats came back as {found['floats']}")
        _expect(found["integers"] == INTEGERS, f"integers came back as {found['integers']}")
        _expect(found["truth"] == [bool(n % 2) for n in range(len(FLOATS))], "booleans did not come back")
        _expect(found["loss"] == [0.5, 0.25, 0.125], f"loss came back as {found['loss']}")

    def _read_rows(self) -> None:
        rows = {row.step: row.values for row in self._found.rows()}
        _expect(rows[0] == {"loss": 0.5, "count": 3, "ok": True}, f"the first row came back as {rows[0]}")
        _expect(
            rows[13] == {"floats": FLOATS[3], "integers": INTEGERS[3], "truth": True},
            f"row 13 came back as {rows[13]}",
        )

    def _draw(self) -> None:
        asked = {"runs": [self._id], "metrics": ["loss", "floats"], "pixels": 100}
        told = self._client.ask("POST", "/tiles", json=asked)
        points = {each["metric"]: each["points"] for each in told["series"]}
        _expect(points == {"loss": 3, "floats": len(FLOATS)}, f"it counts {points}")

    def _read_records(self) -> None:
        run = self._found
        deadline = time.monotonic() + PATIENCE_S
        while True:
            run.refresh()
            held = (
                run.config.get("seen"),
                [line.text for line in run.logs()],
                [value.value for value in run.values("note")],
                run.tags,
            )
            if held == (True, ["verified"], ["a text"], ["verify"]):
                return
            if time.monotonic() > deadline:
                raise Failed(f"after {PATIENCE_S:.0f} s there is {held}")
            time.sleep(0.1)

    def _search(self) -> None:
        project = self._client.get(f"/runs/{self._id}")["project"]["id"]
        query = f'metrics.loss = 0.125 and client_id = "{self._begun["id"]}"'
        told = self._client.get(f"/projects/{project}/runs", q=query)
        _expect([each["id"] for each in told["items"]] == [self._id], f"it found {len(told['items'])} runs")

    def _end(self) -> None:
        self._client.ask("POST", f"/runs/{self._id}/end", json={"state": "finished", "exit_code": 0})
        try:
            self._client.ask("POST", f"/runs/{self._id}/end", json={"state": "failed"})
        except RequestRefused as error:
            _expect(error.code == "run_ended", f"the second end was answered {error.code}")
        else:
            raise Failed("it ended twice")

    def _delete(self) -> None:
        self._client.ask("DELETE", f"/runs/{self._id}")
        self._refused(
            "deleted", 410, 6, msgspec.json.encode({"rows": [{"step": 40, "values": {"loss": 1.0}}]})
        )
        try:
            self._client.get(f"/runs/{self._id}")
        except NotFound:
            return
        raise Failed("it is still there")

    @property
    def _found(self) -> StoredRun:
        if self.run is None:
            raise Failed("there is no run")
        return self.run

    @property
    def _id(self) -> str:
        return self._found.id

    def _rows(self, loss: float) -> dict[str, Any]:
        return {"rows": [{"step": 0, "time": 1.7e9, "values": {"loss": loss, "count": 3, "ok": True}}]}

    def _put(self, seq: int, body: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
        path = f"/runs/{self._id}/streams/{self._stream}/batches/{seq}"
        return self._client.ask("PUT", path, body=body, headers=headers)  # type: ignore[no-any-return]

    def _refused(self, code: str, status: int, seq: int, body: bytes) -> RequestRefused:
        try:
            told = self._put(seq, body)
        except RequestRefused as error:
            _expect((error.code, error.status) == (code, status), f"it answered {error.status} {error.code}")
            return error
        raise Failed(f"it was accepted: {told}")

    def _await(self, *kinds: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while self._live is not None:
            left_s = deadline - time.monotonic()
            message = self._live.receive(left_s) if left_s > 0 else None
            if message is None:
                break
            if message["type"] in kinds:
                return message
            if message["type"] == "error":
                raise LiveEnded(str(message["message"]))
        raise Failed(f"no message came within {PATIENCE_S:.0f} s")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _bits(values: list[Any]) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]

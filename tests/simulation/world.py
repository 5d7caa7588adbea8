"""One seeded history: trainings log, senders send, the network misbehaves, everything dies now and then.

All chance comes from one generator, so a seed is a history; `python -m tests.simulation SEED` replays it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from . import bodies
from .journal import Journal, Violation
from .server import DAY_S, RECEIPTS_KEPT_S, Answer, Backup, Died, Request, Server
from .writer import Machine, Spool

DRAIN_ROUNDS = 400


@dataclass(frozen=True)
class InFlight:
    machine: Machine
    request: Request
    answer: Answer | None = None


@dataclass(frozen=True)
class KeptBackup:
    backup: Backup
    promised: dict[tuple[str, str, int], tuple[int, ...]]


@dataclass
class Weights:
    """How often each thing happens, relative to the others."""

    log: int = 24
    flush: int = 4
    seal: int = 6
    send: int = 24
    deliver: int = 30
    answer: int = 30
    fold: int = 8
    apply_records: int = 8
    compact: int = 2
    read: int = 6
    kill_training: int = 1
    kill_sender: int = 2
    lose_power: int = 1
    note_acked: int = 4
    trim: int = 2
    overflow: int = 2
    clone: int = 1
    end: int = 1
    receipts: int = 1
    back_up: int = 2
    restore: int = 1


@dataclass
class Faults:
    """Chances, per message or act."""

    drop: float = 0.08
    repeat: float = 0.1
    truncate: float = 0.04
    die: float = 0.15
    weights: Weights = field(default_factory=Weights)


class World:
    """Drives a server and some machines through a history, with the journal looking on."""

    def __init__(
        self,
        seed: int,
        server: Server,
        machine: type[Machine] = Machine,
        faults: Faults | None = None,
    ) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.server = server
        self.machine_type = machine
        self.faults = faults or self.weather()
        self.journal = Journal()
        self.now_s = 0
        self.ended_s: dict[str, int] = {}
        self.tokens = 0
        self.rows: Counter[str] = Counter()
        self.requests: list[InFlight] = []
        self.answers: list[InFlight] = []
        self.backups: list[KeptBackup] = []
        self.trace: list[str] = []
        self.happened: Counter[str] = Counter()
        self.machines = [self.new_machine(name) for name in ("run-a", "run-a", "run-b")]

    def weather(self) -> Faults:
        """Draw the disasters of this history: cloned spools, or a server restored and spools that overflow.

        Not both. After a restore a clone may fill a seq that the other clone will not send again, and a batch
        one clone gave up may be all the other still holds: the protocol does not promise to see that.
        """
        return Faults(
            weights=self.random.choice(
                [
                    Weights(restore=0, overflow=0),
                    Weights(clone=0),
                    Weights(clone=0, kill_training=6, back_up=6, restore=3),
                    Weights(clone=0, seal=14, overflow=8, deliver=16),
                ]
            )
        )

    def run(self, steps: int) -> None:
        """Live through a history, heal, drain, and check.

        Raises Violation, with the seed and the last events in its text.
        """
        try:
            for _ in range(steps):
                self.step(self.faults.weights)
            self.drain()
            for client_id in {machine.client_id for machine in self.machines}:
                run = self.server.create_run(client_id)
                self.journal.check_end(client_id, self.server.read(run, lambda: None))
        except Violation as violation:
            events = "\n  ".join(self.trace[-60:])
            raise Violation(f"{violation}\nseed {self.seed}; the last events:\n  {events}") from None

    def step(self, weights: Weights) -> None:
        acts: dict[str, int] = vars(weights)
        act = self.random.choices(list(acts), list(acts.values()))[0]
        getattr(self, act)()

    # the trainings

    def new_machine(self, client_id: str) -> Machine:
        return self.machine_type(client_id, self.server.create_run(client_id), self.new_stream)

    def new_stream(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def log(self) -> None:
        machine = self.random.choice(self.machines)
        for _ in range(self.random.randint(1, 3)):
            self.tokens += 1
            entry: bodies.Entry = bodies.Record(self.tokens)
            if self.random.random() < 0.8:
                row = self.rows[machine.client_id]  # counted per run: a moved spool keeps its numbers
                self.rows[machine.client_id] += 1
                step = self.random.choice([row, row, row, 7, -row, 2**62 + row])
                refused = self.random.random() < 0.1
                entry = bodies.Row(row, step, 1_700_000_000_000_000 + row, self.tokens, refused)
            machine.log(entry)
            self.journal.log(machine.client_id, entry)

    def flush(self) -> None:
        self.random.choice(self.machines).flush()

    def kill_training(self) -> None:
        self.random.choice(self.machines).kill_training()
        self.note("kill a training")

    def lose_power(self) -> None:
        self.journal.excuse(self.random.choice(self.machines).lose_power())
        self.note("power loss")

    # the senders

    def seal(self) -> None:
        """A batch is full, whether the server can be reached or not."""
        machine, spool = self.any_spool()
        machine.seal(spool)

    def send(self) -> None:
        machine, spool = self.any_spool()
        self.launch(machine, machine.requests(spool))

    def launch(self, machine: Machine, requests: list[Request]) -> None:
        for request in requests:
            self.journal.sending(machine.client_id, request)
            self.requests.append(InFlight(machine, request))

    def kill_sender(self) -> None:
        self.random.choice(self.machines).kill_sender()
        self.note("kill a sender")

    def note_acked(self) -> None:
        self.random.choice(self.machines).note_acked()

    def trim(self) -> None:
        machine, spool = self.any_spool()
        before = spool.held_from
        machine.trim(spool)
        self.note_trimmed(machine, spool, range(before, spool.held_from))

    def overflow(self) -> None:
        machine, spool = self.any_spool()
        before = spool.held_from
        seq = machine.overflow(spool)
        if seq is not None:
            self.note_trimmed(machine, spool, range(before, seq))
            self.journal.give_up(machine.client_id, spool.stream, seq, spool.batch(seq))
            self.note(f"overflow of {spool.stream[:8]}: batch {seq} is gone")

    def note_trimmed(self, machine: Machine, spool: Spool, seqs: range) -> None:
        for seq in seqs:
            self.journal.trim(machine.client_id, spool.stream, seq, spool.batch(seq))

    def clone(self) -> None:
        """A machine's disk is copied and both go on: two writers believe they are one stream.

        The tail is sealed first: what both have logged belongs to the same batch in both.
        """
        if len(self.machines) >= 5:
            return
        original = self.random.choice(self.machines)
        for spool in original.spools:
            original.seal(spool)
            spool.sync()
        copy = self.machine_type(original.client_id, original.run, self.new_stream)
        copy.spools = [spool.copy() for spool in original.spools]
        self.machines.append(copy)
        self.note(f"clone a machine of {original.client_id}")

    def any_spool(self) -> tuple[Machine, Spool]:
        machine = self.random.choice(self.machines)
        return machine, self.random.choice(machine.spools)

    # the network

    def deliver(self) -> None:
        """Any request that is under way arrives, not the oldest: delay is reordering."""
        if not self.requests:
            return
        index = self.random.randrange(len(self.requests))
        flight = self.requests[index]
        if self.random.random() >= self.faults.repeat:
            del self.requests[index]
        chance = self.random.random()
        if chance < self.faults.drop:
            return
        if chance < self.faults.drop + self.faults.truncate:
            self.deliver_truncated(flight)
            return
        self.hand_over(flight, die_at=self.death(3))

    def deliver_truncated(self, flight: InFlight) -> None:
        """The connection breaks inside the body: refused without effect, and nobody hears the answer."""
        asked = flight.request
        cut = asked.body[: self.random.randrange(len(asked.body))]
        before = self.server.fingerprint()
        answers: list[Answer] = []
        self.server.put(
            Request(asked.run, asked.stream, asked.seq, cut, asked.lost), answers.append, die_at=None
        )
        if not answers[0].refused or self.server.fingerprint() != before:
            raise Violation(f"INV-4: a truncated body had an effect: {answers[0]}")

    def hand_over(self, flight: InFlight, die_at: int | None) -> list[InFlight]:
        asked = flight.request
        before = self.server.fingerprint()
        answers: list[Answer] = []
        death = ""
        try:
            self.server.put(asked, answers.append, die_at=die_at)
        except Died:
            death = ", and the server dies"
        said = answers[0].status if answers else "no answer"
        self.note(f"put {asked.stream[:8]}:{asked.seq} lost={asked.lost} -> {said}{death}")
        for answer in answers:
            if answer.refused and self.server.fingerprint() != before:
                raise Violation(f"INV-4: a refused request changed something: {answer}")
            if answer.status == "expired" and not self.receipts_may_be_gone(asked.run):
                raise Violation(f"INV-1: {asked.stream}:{asked.seq} expired while its run is young")
        heard = [InFlight(flight.machine, asked, answer) for answer in answers]
        self.answers += heard
        return heard

    def receipts_may_be_gone(self, run: str) -> bool:
        return run in self.ended_s and self.now_s - self.ended_s[run] >= RECEIPTS_KEPT_S

    def answer(self) -> None:
        if not self.answers:
            return
        index = self.random.randrange(len(self.answers))
        flight = self.answers.pop(index)
        if self.random.random() >= self.faults.drop:
            self.hear(flight)

    def hear(self, flight: InFlight) -> None:
        assert flight.answer is not None
        machine, asked = flight.machine, flight.request
        if asked.run == machine.run:
            self.journal.heard(machine.client_id, asked, flight.answer)
        if flight.answer.status == "expired":
            self.journal.excuse(self.unsent_of(machine, asked))
        machine.hear(asked, flight.answer, self.server.create_run)

    def unsent_of(self, machine: Machine, asked: Request) -> list[bodies.Entry]:
        spools = [spool for spool in machine.spools if spool.stream == asked.stream]
        return [entry for spool in spools for entry in spool.entries]

    # the server

    def fold(self) -> None:
        self.on_a_run("fold", self.server.fold)

    def compact(self) -> None:
        self.on_a_run("compact", self.server.compact)

    def apply_records(self) -> None:
        self.on_a_run("apply records", self.server.apply_records)

    def on_a_run(self, name: str, act: Callable[..., None]) -> None:
        run = self.random.choice(self.server.runs())
        try:
            act(run, die_at=self.death(8))
        except Died:
            self.note(f"{name} {run} dies")

    def read(self) -> None:
        """A reader beside whatever else goes on."""
        machine = self.random.choice(self.machines)
        if machine.run in self.server.runs():
            reading = self.server.read(machine.run, self.work_on_the_server)
            self.journal.check_reader(machine.client_id, reading)

    def work_on_the_server(self) -> None:
        for _ in range(self.random.randrange(3)):
            self.random.choice([self.fold, self.compact, self.apply_records])()

    def end(self) -> None:
        """A person or its training ends a run; late batches are still taken."""
        run = self.random.choice(self.server.runs())
        if self.random.random() < 0.3 and run not in self.ended_s:
            self.ended_s[run] = self.now_s
            self.server.end(run, self.now_s)
            self.note(f"{run} ends")

    def receipts(self) -> None:
        self.now_s += self.random.choice([60, DAY_S])
        self.server.drop_receipts(self.now_s)

    def back_up(self) -> None:
        promised = dict(self.journal.acked)
        quiet = replace(self.faults.weights, back_up=0, restore=0, read=0, end=0, receipts=0)

        def meanwhile() -> None:
            for _ in range(self.random.randrange(60)):
                self.step(quiet)

        self.backups = [*self.backups[-1:], KeptBackup(self.server.back_up(meanwhile), promised)]
        self.note("back up")

    def restore(self) -> None:
        """Come back at a backup; connections do not outlive that, and what ended since is running."""
        if not self.backups or self.random.random() > 0.5:
            return
        kept = self.random.choice(self.backups)
        self.server.restore(kept.backup)
        self.journal.restore(kept.promised)
        self.requests.clear()
        self.answers.clear()
        self.note("restore")

    def death(self, places: int) -> int | None:
        return self.random.randrange(places) if self.random.random() < self.faults.die else None

    # heal and drain

    def drain(self) -> None:
        """Without faults, every sender empties its spools, and asks whether the server still has all.

        A server restored after the last answer is noticed by that question alone.
        """
        self.requests.clear()
        self.answers.clear()
        for _ in range(DRAIN_ROUNDS):
            busy = False
            for machine in self.machines:
                for spool in list(machine.spools):
                    if spool in machine.spools:
                        busy |= self.drain_spool(machine, spool)
            for run in self.server.runs():
                self.server.fold(run, die_at=None)
                self.server.apply_records(run, die_at=None)
            if not busy:
                break
        else:
            raise Violation("the senders do not come to an end")
        for run in self.server.runs():
            self.server.compact(run, die_at=None)

    def drain_spool(self, machine: Machine, spool: Spool) -> bool:
        """Send what is unsent, else probe. Return whether anything but a duplicate came back."""
        unsent = machine.has_unsent(spool)
        requests = machine.requests(spool) if unsent else machine.probe(spool)
        for request in requests:
            self.journal.sending(machine.client_id, request)
            heard = self.hand_over(InFlight(machine, request), die_at=None)
            self.answers.clear()
            for flight in heard:
                self.hear(flight)
                unsent |= flight.answer is not None and flight.answer.status not in {"duplicate", "expired"}
        return unsent

    def note(self, event: str) -> None:
        self.trace.append(event)
        self.happened[event.split(" ")[0]] += 1

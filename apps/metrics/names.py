"""Which number a run has given to each of its metrics.

Numbers are given by folds only, in order of first appearance, and never change. So a process may keep
what it has read: Head carries a digest chained over all registrations, and a kept table with that digest
is whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock

import numpy as np
from django.conf import settings
from django.db import transaction

from apps.metrics.groups import KINDS, Ids, Kind
from apps.metrics.session import Session

MAX_NAMES = 100_000
# From here on the ledger warns, once.
MANY_NAMES = 10_000
# Names kept over all runs of a process, about 120 bytes each.
_MAX_KEPT = 300_000


@dataclass(slots=True)
class NameTable:
    """The metrics of one run: kind → name → number, and how many names there are in all kinds together."""

    digest: bytes
    numbers: dict[Kind, dict[str, int]]
    names: int
    next_number: int

    def copy(self) -> NameTable:
        return NameTable(
            self.digest,
            {kind: dict(numbers) for kind, numbers in self.numbers.items()},
            self.names,
            self.next_number,
        )

    def knows(self, name: str) -> bool:
        return any(name in numbers for numbers in self.numbers.values())


@dataclass(slots=True)
class Registrar:
    """Gives numbers to the names of one run within one fold; `table` is kept once the fold has committed."""

    table: NameTable
    added: list[tuple[int, str, Kind]] = field(default_factory=list)

    def ids(self, names: Sequence[str], kinds: Sequence[Kind]) -> Ids:
        """Return the number of each (name, kind), -1 where the run has 100,000 names without it."""
        numbers = self.table.numbers
        found = [numbers[kind].get(name, -1) for name, kind in zip(names, kinds, strict=True)]
        if -1 in found:
            self._register(names, kinds, found)
        return np.array(found, np.int32)

    def _register(self, names: Sequence[str], kinds: Sequence[Kind], found: list[int]) -> None:
        if not self.added:
            self.table = self.table.copy()
        table = self.table
        chained = blake2b(table.digest, digest_size=8)
        for place, number in enumerate(found):
            if number >= 0:
                continue
            name, kind = names[place], kinds[place]
            if not table.knows(name):
                if table.names >= MAX_NAMES:
                    continue
                table.names += 1
            number = table.numbers[kind].setdefault(name, table.next_number)
            found[place] = number
            if number == table.next_number:
                table.next_number += 1
                self.added.append((number, name, kind))
                chained.update(f"{kind}{name}\n".encode())
        table.digest = chained.digest()


_kept: OrderedDict[int, NameTable] = OrderedDict()
_lock = Lock()


def load(session: Session, digests: Mapping[int, bytes]) -> dict[int, NameTable]:
    """Return the tables of runs, of which the caller holds the fold locks. digests: run → Head.names_digest."""
    tables: dict[int, NameTable] = {}
    with _lock:
        for run, digest in digests.items():
            kept = _kept.get(run)
            if kept is not None and kept.digest == digest and digest:
                tables[run] = kept
                _kept.move_to_end(run)
    missing = [run for run in digests if run not in tables]
    for run in missing:
        tables[run] = NameTable(digests[run], {kind: {} for kind in KINDS}, 0, 0)
    wanted = [run for run in missing if digests[run]]
    if wanted:
        rows = session.rows(
            "SELECT run, number, name, kind FROM metrics_metric WHERE run = ANY(%(runs)s)", {"runs": wanted}
        )
        for run, number, name, kind in rows:
            table = tables[run]
            table.numbers[kind][name] = number
            table.next_number = max(table.next_number, number + 1)
        for run in wanted:
            tables[run].names = len(set().union(*tables[run].numbers.values()))
    return tables


def store(session: Session, registrars: Mapping[int, Registrar]) -> None:
    """Insert the names that were given numbers, and keep the tables once that is committed."""
    added = [(run, *metric) for run, registrar in registrars.items() for metric in registrar.added]
    if added:
        columns = {"run": "int8", "number": "int4", "name": "text", "kind": "text"}
        session.copy("metrics_metric", columns, added)
    tables = {run: registrar.table for run, registrar in registrars.items()}
    transaction.on_commit(lambda: _keep(tables), using=settings.METRICS_DATABASE)


def _keep(tables: Mapping[int, NameTable]) -> None:
    with _lock:
        for run, table in tables.items():
            _kept[run] = table
            _kept.move_to_end(run)
        total = sum(table.next_number for table in _kept.values())
        while total > _MAX_KEPT and len(_kept) > 1:
            _, dropped = _kept.popitem(last=False)
            total -= dropped.next_number

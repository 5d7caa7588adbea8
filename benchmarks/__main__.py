"""Ask the questions: `python -m benchmarks [NAME…] [--quick]`; without names, all of them.

A question is a module here with a `main()` that prints its table. Each stands alone as well:
`python -m benchmarks.tiles`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

# What stands on the running server comes first, arithmetic without one last.
ORDER = [
    "start",
    "latency",
    "single_points",
    "ingest",
    "backlog",
    "many_runs",
    "many_metrics",
    "tiles",
    "disk",
    "chart",
    "run_list",
    "live_latency",
    "sdk_log",
    "sdk_read",
    "engine",
    "arithmetic",
]


def main() -> int:
    here = Path(__file__).parent
    known = [name for name in ORDER if (here / f"{name}.py").exists()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="short forms: to see that they run")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(known):
        parser.error(f"no such question: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if asked.quick:
        os.environ["BENCHMARKS_QUICK"] = "1"
    failed = []
    for name in asked.names or known:
        begun = time.monotonic()
        sys.argv = [f"benchmarks.{name}"]
        try:
            importlib.import_module(f"benchmarks.{name}").main()
        except Exception as failure:
            print(f"\n{name}: {type(failure).__name__}: {failure}", flush=True)
            failed.append(name)
        print(f"({name} took {time.monotonic() - begun:.0f} s)", flush=True)
    if failed:
        print(f"\ncould not be answered: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())

"""Which mutants of the maths the tests notice: all, or a sample by seed, by mutmut as pyproject.toml configures it.

``python -m tests.mutants --sample 700``: a table by folder, the survivors by name (``mutmut show NAME`` has what each
changed), ``runs/mutants.json``. It works in ``mutants/`` of the working directory; ``--sample 0`` takes them all.
"""

import argparse
import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

MUTMUT = Path(sys.executable).parent / "mutmut"
PLACE, OUTPUT = Path("mutants"), Path("runs/mutants.json")
NOBODY = "no.such.mutant"
SURVIVED, UNCOVERED = 0, 33  # exit codes as mutmut notes them; anything else is a test that failed, or ran too long


def found() -> dict[str, int | None]:
    """The exit code of the tests for each mutant there is; None where it was not tried."""
    codes: dict[str, int | None] = {}
    for meta in PLACE.rglob("*.meta"):
        codes |= json.loads(meta.read_text())["exit_code_by_key"]
    return codes


def run(names: list[str], num_processes: int) -> None:
    """Try mutants; what mutmut says goes into a file beside the results."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with OUTPUT.with_suffix(".log").open("w") as log:
        command = [str(MUTMUT), "run", "--max-children", str(num_processes), *names]
        subprocess.run(command, stdout=log, stderr=log, check=False)


def main() -> int:
    """0 where at least the asked share was noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--at-least", type=float, default=0.85)
    asked = parser.parse_args()
    run([NOBODY], asked.processes)  # writes the mutants down
    names = sorted(found())
    if not names:
        print(f"mutmut made no mutants; see {OUTPUT.with_suffix('.log')}")
        return 1
    if 0 < asked.sample < len(names):
        names = random.Random(asked.seed).sample(names, asked.sample)
    run(names, asked.processes)
    codes = {name: code for name, code in found().items() if name in set(names) and code is not None}
    by_folder: dict[str, Counter[bool]] = defaultdict(Counter)
    for name, code in codes.items():
        by_folder[name.split(".")[1]][code not in (SURVIVED, UNCOVERED)] += 1
    for folder, count in sorted(by_folder.items()):
        print(f"{folder:16} {count[True]:5} of {count.total():5} noticed, {count[True] / count.total():.1%}")
    survivors = sorted(name for name, code in codes.items() if code in (SURVIVED, UNCOVERED))
    share = 1 - len(survivors) / len(codes)
    print(*survivors, sep="\n")
    print(f"{len(codes)} of {len(found())} mutants tried, {share:.1%} noticed")
    OUTPUT.write_text(json.dumps({"noticed": share, "tried": len(codes), "survivors": survivors}, indent=1) + "\n")
    return 0 if share >= asked.at_least else 1


if __name__ == "__main__":
    sys.exit(main())

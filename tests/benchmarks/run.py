"""Runs the benchmarks, prints their table and joins their rows into runs/bench.json and runs/bench.md."""

import argparse
import difflib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.limits import BENCHMARKS

OUTPUT, DOCUMENT = Path("runs/bench.json"), Path("runs/bench.md")
WORDS, NUMBERS = ("name", "unit", "against"), ("ratio", "value", "spread")  # what every row has; more may be added


def main(argv: Sequence[str] | None = None) -> int:
    """Run all or some; exit code 1 if one of them failed, 2 for a name that is none of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--only", metavar="NAME,NAME", default="", help=f"some of: {', '.join(BENCHMARKS)}")
    chosen = [name for name in parser.parse_args(argv).only.split(",") if name] or list(BENCHMARKS)
    names = []
    for wanted in chosen:
        name = benchmark_of(wanted)
        if name is None:
            near = difflib.get_close_matches(wanted, list(BENCHMARKS), n=1, cutoff=0.3)
            hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(BENCHMARKS)}"
            print(f"error: no benchmark {wanted!r}; {hint}", file=sys.stderr)
            return 2
        names.append(name)
    failed = run(list(dict.fromkeys(names)))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def benchmark_of(wanted: str) -> str | None:
    """The benchmark that makes a row: ``sampler`` for ``sampler_ancestral_50`` and for ``sampler_*``."""
    return next((name for name in BENCHMARKS if wanted == name or wanted.startswith(name + "_")), None)


def run(names: list[str], output: Path = OUTPUT) -> list[str]:
    """Measure, keep each benchmark's rows as soon as it is done, print the table; returns who failed."""
    failed: list[str] = []
    measured: list[dict[str, Any]] = []
    for position, name in enumerate(names, start=1):
        print(f"[{position}/{len(names)}] {name} ...", flush=True)
        begin = time.monotonic()
        try:
            rows = [complete(row) for row in load(BENCHMARKS[name].measure)()]
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        print(f"[{position}/{len(names)}] {name}: {time.monotonic() - begin:.0f} s", flush=True)
        measured += rows
        store(join(stored(output), name, rows), output)
    print(table(measured))
    if measured:
        DOCUMENT.write_text(document(stored(output)))
    return failed


def load(target: str) -> Callable[[], Iterable[dict[str, Any]]]:
    """The function named ``module:function``; its module is imported only when its turn comes."""
    module, _, function = target.partition(":")
    found: Callable[[], Iterable[dict[str, Any]]] = getattr(importlib.import_module(module), function)
    return found


def complete(row: dict[str, Any]) -> dict[str, Any]:
    """The row, if it has what the table and later readers rely on."""
    for keys, kinds in ((WORDS, str), (NUMBERS, (int, float))):
        for key in keys:
            if not isinstance(row.get(key), kinds):
                raise TypeError(f"row {row.get('name')!r}: {key} is {row.get(key)!r}")
    return row


def stored(output: Path) -> list[dict[str, Any]]:
    """The rows of former runs."""
    rows: list[dict[str, Any]] = json.loads(output.read_text()) if output.exists() else []
    return rows


def join(former: list[dict[str, Any]], name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Former rows without those that this benchmark made, then its new ones."""
    new = {row["name"] for row in rows}
    return [row for row in former if row["name"] not in new and benchmark_of(row["name"]) != name] + rows


def store(rows: list[dict[str, Any]], output: Path) -> None:
    """Write the list whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_suffix(".part")
    part.write_text(json.dumps(rows, indent=1) + "\n")
    os.replace(part, output)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in columns: ratio with its spread, the value behind it, and what it is measured against."""
    header = ("name", "ratio", "spread", "value", "unit", "against")
    lines = [header] + [
        (
            row["name"],
            f"{row['ratio']:.3f}",
            f"{row['spread']:.3f}",
            f"{row['value']:.4g}",
            row["unit"],
            row["against"],
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def document(rows: list[dict[str, Any]]) -> str:
    """All rows there are as Markdown: each beside its peer and its limit, and what lies between."""
    lines = ["| benchmark | ratio | spread | limit | value | against | between ours and the limit |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        name = benchmark_of(row["name"])
        limit, between = (BENCHMARKS[name].limit, BENCHMARKS[name].between) if name else ("", "")
        figures = (f"{row['ratio']:.3f}", f"{row['spread']:.3f}", limit, f"{row['value']:.4g} {row['unit']}")
        lines.append(f"| {' | '.join((row['name'], *figures, row['against'], between))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())

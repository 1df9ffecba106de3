"""The frame of every job: a command line becomes one validated config, runs, and ends in an exit code."""

import argparse
import atexit
import gc
import inspect
import os
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NoReturn

import yaml

from advgen_ray import recipes
from advgen_ray.config import resolve
from advgen_ray.config.base import ConfigT
from advgen_ray.distributed.cluster import check_reachable
from advgen_ray.distributed.heap import keep_freed_memory
from advgen_ray.errors import IncompleteError, UserError
from advgen_ray.tracking import check_tracking
from advgen_ray.turns import turn_at

USER_MISTAKE = 2
INCOMPLETE = 3
INTERRUPTED = 130


def run_job(
    config_type: type[ConfigT],
    run: Callable[[ConfigT], dict[str, Any]],
    argv: Sequence[str] | None = None,
    plan: Callable[[ConfigT], dict[str, Any]] | None = None,
) -> int:
    """Resolve the config, show it (``--dry-run``) and what ``plan`` says of it, or run it; print the summary.

    Returns 0 on success; 2 for a user's mistake and 3 where some rows could not be made and may be tried again, one
    line on stderr each; anything else is a defect of ours and keeps its traceback.
    """
    atexit.register(gc.freeze)  # Python's last collection walks all of torch and Ray, for a second
    arguments = _parser(config_type).parse_args(argv)
    try:
        config = resolve(recipes.find(arguments.recipe, config_type), arguments.config, arguments.set)
        if arguments.dry_run:
            _print_plan(config)
            _print_summary(plan(config) if plan else {})
            return 0
        if arguments.address:
            os.environ["RAY_ADDRESS"] = arguments.address
        keep_freed_memory()
        check_reachable()  # before the job writes anything
        check_tracking()
        output = getattr(config, "output", "")
        with _interruptible(), turn_at(output) if output else nullcontext():
            summary = run(config)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_MISTAKE
    except IncompleteError as error:
        print(f"incomplete: {error}", file=sys.stderr)
        return INCOMPLETE
    except KeyboardInterrupt:
        print("interrupted; the same command continues where this one stopped", file=sys.stderr)
        return INTERRUPTED
    _print_summary(summary)
    return 0


def _parser(config_type: type[ConfigT]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=inspect.getdoc(config_type), epilog=recipes.DOCUMENTS)
    parser.add_argument("--recipe", metavar="NAME", help="a named config; advgen recipes lists them")
    parser.add_argument("--config", metavar="FILE", help="YAML whose keys go over the recipe's")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="dotted override, repeatable")
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="Ray cluster to join; default: RAY_ADDRESS or a local one"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the config and the resources; run nothing")
    return parser


def _print_summary(summary: dict[str, Any]) -> None:
    """A line a number and a table a list of rows, so that it fits a screen."""
    import pandas as pd

    for key, value in summary.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print(
                f"{key}:",
                textwrap.indent(pd.DataFrame(value).dropna(axis=1, how="all").to_string(index=False), "  "),
                sep="\n",
            )
        else:
            print(yaml.safe_dump({key: value}, sort_keys=False), end="")


def _print_plan(config: ConfigT) -> None:
    from advgen_ray.distributed.resources import describe

    print(config.to_yaml(), end="")
    print(yaml.safe_dump({"resources": describe(config)}, sort_keys=False), end="")


class _interruptible:  # noqa: N801 - reads as a phrase in the with statement
    """Turns SIGTERM into KeyboardInterrupt, so that a stopped job unwinds as one interrupted by hand."""

    def __enter__(self) -> None:
        self._former = signal.signal(signal.SIGTERM, self._interrupt)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._former)

    @staticmethod
    def _interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

"""The `advgen` command: demo, reproduce, recipes, submit, report, validate; each imports what it needs when asked."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from advgen_ray.errors import UserError

USER_MISTAKE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 2 with one line on stderr for a user's mistake."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except UserError as error:
        print(f"advgen: error: {error}", file=sys.stderr)
        return USER_MISTAKE
    except BrokenPipeError:  # the reader of a table has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="advgen", description="Adversarial training meets generative modelling, on Ray.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"advgen {version('advgen_ray')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, function: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        sub.set_defaults(command=function)
        return sub

    demo = add("demo", _demo, "Run the whole study on scikit-learn's digits, on this machine.")
    _add_settings(demo)
    reproduced = add("reproduce", _reproduce, "Run rows of the catalogue of the five documents; ends in one page.")
    rows = reproduced.add_mutually_exclusive_group(required=True)
    rows.add_argument("--rows", metavar="ID,ID", help="rows such as A1,C6")
    rows.add_argument("--all", action="store_true", help="every row")
    reproduced.add_argument("--scale", choices=("small", "paper"), default="small", help="of data and networks")
    reproduced.add_argument("--seeds", metavar="N", default="1", help="how often, each under seeds of its own")
    reproduced.add_argument("--dry-run", action="store_true", help="say what it would take; run nothing")
    _add_settings(reproduced)
    shown = add("recipes", _recipes, "List the named configs, or print one as YAML.")
    shown.add_argument("name", nargs="?", help="the recipe to print")
    _add_submit(add("submit", _submit, "Run a job of jobs/ on a started cluster and follow its log."))
    report = add("report", _report, "Render a study's report anew from its stored results.")
    report.add_argument("directory", help="a study's output, such as runs/demo")
    _add_settings(report)
    checked = add("validate", _validate, "Read a whole result set and check every promise it makes.")
    checked.add_argument("directory", help="a result set: a path or s3://BUCKET/NAME")
    _add_settings(checked)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="dotted override, repeatable")


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", help="a program of jobs/, such as train_classifier")
    parser.add_argument("--recipe", metavar="NAME", help="a named config; advgen recipes lists them")
    parser.add_argument("--config", metavar="FILE", help="YAML whose keys go over the recipe's")
    _add_settings(parser)
    parser.add_argument("--address", metavar="URL", help="the job server; default http://127.0.0.1:8265")
    parser.add_argument("--working-dir", metavar="DIR", default=".", help="the checkout that is uploaded (default .)")
    parser.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="for the job, repeatable")
    parser.add_argument("--no-wait", action="store_true", help="do not follow the log")


def _demo(arguments: argparse.Namespace) -> int:
    from advgen_ray.config import StudyConfig
    from advgen_ray.job import run_job
    from advgen_ray.stages import study

    settings = [word for assignment in arguments.set for word in ("--set", assignment)]
    return run_job(StudyConfig, study.run, ["--recipe", "digits_demo", *settings])


def _reproduce(arguments: argparse.Namespace) -> int:
    from advgen_ray.config import ReproduceConfig
    from advgen_ray.costs.plan import plan
    from advgen_ray.job import run_job
    from advgen_ray.stages import reproduction

    if arguments.rows is not None and not arguments.rows.strip(" ,"):
        raise UserError(f"--rows {arguments.rows!r}: no row, expected ids such as A1,C6; give --all for every row")
    asked = [f"scale={arguments.scale}", f"num_seeds={arguments.seeds}"]
    asked += [f"rows=[{arguments.rows}]"] if arguments.rows else []
    settings = [word for assignment in [*asked, *arguments.set] for word in ("--set", assignment)]
    return run_job(ReproduceConfig, reproduction.run, [*settings, *(["--dry-run"] if arguments.dry_run else [])], plan)


def _recipes(arguments: argparse.Namespace) -> int:
    import difflib

    from advgen_ray import recipes
    from advgen_ray.config.programs import JOBS

    job_of = {config_type: job for job, config_type in JOBS.items()}
    found = recipes.listing()
    if arguments.name is None:
        rows = [(recipe.name, job_of[recipe.config_type], recipe.summary) for recipe in found]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for name, job, summary in rows:
            print(f"{name:{widths[0]}}  {job:{widths[1]}}  {summary}")
        print(recipes.DOCUMENTS, file=sys.stderr)
        return 0
    for recipe in found:
        if recipe.name == arguments.name:
            print(recipe.make().to_yaml(), end="")
            return 0
    near = difflib.get_close_matches(arguments.name, [recipe.name for recipe in found], n=1, cutoff=0.3)
    raise UserError(f"no recipe {arguments.name!r}; {f'did you mean {near[0]!r}?' if near else 'see: advgen recipes'}")


def _submit(arguments: argparse.Namespace) -> int:
    from advgen_ray import job_server
    from advgen_ray.submit import prepare

    address = job_server.server_address(arguments.address)
    submission = prepare(
        arguments.job,
        address,
        recipe=arguments.recipe,
        config_file=arguments.config,
        assignments=arguments.set,
        working_dir=arguments.working_dir,
        variables=arguments.env,
    )
    return job_server.submit(submission, address, wait=not arguments.no_wait)


def _report(arguments: argparse.Namespace) -> int:
    from advgen_ray.stages import finished_study, report

    config = finished_study.report_config(arguments.directory).override(arguments.set)
    report.run(config, elapsed_seconds=finished_study.elapsed_seconds(arguments.directory))
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from advgen_ray.config import ValidateConfig
    from advgen_ray.stages.validation import check

    found = check(ValidateConfig(result_set=arguments.directory).override(arguments.set))
    print(f"{arguments.directory}: sound: " + ", ".join(f"{key} {value}" for key, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

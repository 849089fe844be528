"""The commands, put together; each loads what it needs when it is called."""

from __future__ import annotations

import click

_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON document, for machines."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def opcode(context: click.Context) -> None:
    """OPCODE: a workflow engine for AI agents.

    Without a command, and with standard input not a terminal, it is the MCP server over stdio.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@opcode.command()
@_JSON
def version(*, as_json: bool) -> None:
    """Say which version this is."""
    from opcode_core.cli.version import show_version

    show_version(as_json=as_json)


@opcode.group(invoke_without_command=True)
@_JSON
@click.pass_context
def plugins(context: click.Context, *, as_json: bool) -> None:
    """List the plugins that were found, and what became of each."""
    if context.invoked_subcommand is None:
        from opcode_core.cli.listing import show_plugins

        show_plugins(as_json=as_json)


@plugins.command("new")
@click.argument("name")
@click.option("--into", default=".", metavar="DIR", help="The folder to put it in; this one.")
@_JSON
def new_plugin(name: str, into: str, *, as_json: bool) -> None:
    """Write a small, complete plugin whose actions begin with NAME."""
    from opcode_core.cli.new_plugin import new_plugin

    new_plugin(name, into, as_json=as_json)


@opcode.command()
@click.argument("name", required=False)
@_JSON
def actions(name: str | None, *, as_json: bool) -> None:
    """List the actions there are, or describe the one with this NAME."""
    from opcode_core.cli.listing import show_actions

    show_actions(name, as_json=as_json)


@opcode.command()
@click.argument("file")
@_JSON
def validate(file: str, *, as_json: bool) -> None:
    """Check the definition in FILE (- for standard input) as `define` does."""
    from opcode_core.cli.validate import validate_file

    validate_file(file, as_json=as_json)


@opcode.command()
@click.argument("file")
@click.option(
    "-p",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="An input; JSON if it parses, else text.",
)
@click.option("--params", metavar="JSON", help="All inputs as one JSON object.")
@click.option("--db", type=click.Path(dir_okay=False), help="Keep the run in this database.")
@_JSON
def run(
    file: str, pairs: tuple[str, ...], params: str | None, db: str | None, *, as_json: bool
) -> None:
    """Run the definition in FILE (- for standard input) and show its steps as they settle."""
    from opcode_core.cli.run import run_file

    run_file(file, pairs, params, db, as_json=as_json)


@opcode.command()
def serve() -> None:
    """Be the engine of the database, without an MCP client of its own, until a signal comes."""
    from opcode_core.cli.serve import serve_alone

    raise SystemExit(serve_alone())


@opcode.command()
@click.option(
    "--keep", is_flag=True, help="Keep the folder with the database, and say where it is."
)
@_JSON
def demo(*, keep: bool, as_json: bool) -> None:
    """Start a server as a client would, and run a workflow on this repository's own files."""
    from opcode_core.cli.demo import run_demo

    run_demo(keep=keep, as_json=as_json)


@opcode.group()
def jobs() -> None:
    """Look at what starts templates by itself, and do by hand what is to be done to it."""


_TEMPLATE = click.option(
    "--template", metavar="NAME", help="Whose job: where several have its name."
)


@jobs.command("list")
@_TEMPLATE
@_JSON
def jobs_list(template: str | None, *, as_json: bool) -> None:
    """List the jobs, with when each is due."""
    from opcode_core.cli.jobs import list_jobs

    list_jobs(template, as_json=as_json)


@jobs.command("enable")
@click.argument("name")
@_TEMPLATE
@_JSON
def jobs_enable(name: str, template: str | None, *, as_json: bool) -> None:
    """Let the job NAME run when it is due, from now on."""
    from opcode_core.cli.jobs import switch_job

    switch_job(name, template, enabled=True, as_json=as_json)


@jobs.command("disable")
@click.argument("name")
@_TEMPLATE
@_JSON
def jobs_disable(name: str, template: str | None, *, as_json: bool) -> None:
    """Let the job NAME not run; what has begun goes on, what waits does not begin."""
    from opcode_core.cli.jobs import switch_job

    switch_job(name, template, enabled=False, as_json=as_json)


@jobs.command("run")
@click.argument("name")
@_TEMPLATE
@click.option("--no-wait", is_flag=True, help="Do not wait until its workflow has ended.")
@_JSON
def jobs_run(name: str, template: str | None, *, no_wait: bool, as_json: bool) -> None:
    """Run the job NAME now, once, enabled or not, whenever it is due."""
    from opcode_core.cli.jobs import run_job

    run_job(name, template, wait=not no_wait, as_json=as_json)


@opcode.command()
@click.option(
    "--older-than", required=True, metavar="DURATION", help="How long ago they ended: 30d, 12h."
)
@click.option("--dry-run", is_flag=True, help="Count only.")
@_JSON
def gc(older_than: str, *, dry_run: bool, as_json: bool) -> None:
    """Delete workflows that ended long ago, with their events and decisions."""
    from opcode_core.cli.upkeep import delete_old

    delete_old(older_than, dry_run=dry_run, as_json=as_json)


@opcode.command()
@click.argument("file")
@_JSON
def backup(file: str, *, as_json: bool) -> None:
    """Copy the database to FILE, which must not be there, while a server may go on using it."""
    from opcode_core.cli.upkeep import back_up_database

    back_up_database(file, as_json=as_json)


@opcode.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_JSON
def export(names: tuple[str, ...], *, as_json: bool) -> None:  # noqa: ARG001 - it is JSON in any case
    """Write the templates of these NAMEs, or all, with all their versions, as one JSON document."""
    from opcode_core.cli.upkeep import export_templates

    export_templates(names)


@opcode.command("import")
@click.argument("file")
@_JSON
def import_(file: str, *, as_json: bool) -> None:
    """Store the templates in FILE (- for standard input), which `export` wrote: all of them, or none."""
    from opcode_core.cli.upkeep import import_templates

    import_templates(file, as_json=as_json)


@opcode.command()
@_JSON
def doctor(*, as_json: bool) -> None:
    """Look at everything a server needs, and say what keeps commands in bounds here and what does not."""
    from opcode_core.cli.doctor import show_health

    show_health(as_json=as_json)


@opcode.group()
def policy() -> None:
    """See what the settings allow."""


@policy.command("check")
@click.argument("file", required=False)
@_JSON
def policy_check(file: str | None, *, as_json: bool) -> None:
    """Check the settings; with FILE (- for standard input) also what they say about that definition."""
    from opcode_core.cli.policy import check_policy

    check_policy(file, as_json=as_json)

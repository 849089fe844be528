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


@opcode.command()
@_JSON
def plugins(*, as_json: bool) -> None:
    """List the plugins that were found, and what became of each."""
    from opcode_core.cli.listing import show_plugins

    show_plugins(as_json=as_json)


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
@click.option(
    "--keep", is_flag=True, help="Keep the folder with the database, and say where it is."
)
@_JSON
def demo(*, keep: bool, as_json: bool) -> None:
    """Start a server as a client would, and run a workflow on this repository's own files."""
    from opcode_core.cli.demo import run_demo

    run_demo(keep=keep, as_json=as_json)

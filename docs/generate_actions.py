"""Writes docs/reference/actions/FAMILY.md from what the built-in actions say of themselves.

python docs/generate_actions.py           # writes the pages (make docs)
python docs/generate_actions.py --check   # writes nothing; ends with 1 when a page is not what it would write
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opcode_core.actions import Action, Effect
from opcode_core.jsonio import compact_json
from opcode_core.plugins.discovery import load_plugins
from opcode_core.plugins.registry import RESERVED
from opcode_core.settings import Settings

FOLDER = Path(__file__).parent / "reference" / "actions"
_EFFECTS = {
    Effect.PURE: "pure: it changes nothing, and may be repeated",
    Effect.IDEMPOTENT: "idempotent: doing it twice is doing it once",
    Effect.UNSAFE: "unsafe: it is not repeated without consent",
}
_TOUCHES = {
    "host": "a host",
    "path": "a path",
    "command": "a command",
    "template": "a template",
    "secret": "a secret",
}


def pages() -> dict[str, str]:
    """The pages: file name → content."""
    registry = load_plugins(Settings(plugins_allow=tuple(RESERVED.values())))
    families: dict[str, list[Action]] = {}
    for name, action in sorted(registry.actions.items()):
        families.setdefault(name.partition(".")[0], []).append(action)
    made = {
        f"{family}.md": _page(family, registry.owner_of_action(actions[0].name), actions)
        for family, actions in families.items()
    }
    return {**made, "README.md": _index(families)}


def _index(families: Mapping[str, list[Action]]) -> str:
    rows = [
        f"| [{action.name}]({family}.md#{action.name.replace('.', '')}) | {action.document.splitlines()[0]} |"
        for family, actions in families.items()
        for action in actions
    ]
    return "\n".join(
        [
            "# Actions",
            "",
            _GENERATED,
            "",
            "| action | what it does |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _page(family: str, plugin: str, actions: list[Action]) -> str:
    lines = [
        f"# Actions of {family}",
        "",
        _GENERATED,
        "",
        f"They come with the distribution `{RESERVED[plugin]}` (plugin `{plugin}`).",
        "",
        _COMMON,
    ]
    for action in actions:
        lines += _section(action)
    return "\n".join([*lines, ""])


_COMMON = (
    "What every action has in common: unknown parameters and wrong types are refused when a workflow is defined, and "
    "again when a reference brings a value in; a number or boolean from a reference becomes text where text is wanted."
)
_GENERATED = (
    "<!-- Written by docs/generate_actions.py from the code: change it there, then `make docs`. -->"
)


def _section(action: Action) -> list[str]:
    effect = (
        _EFFECTS[action.effect]
        if isinstance(action.effect, Effect)
        else "it depends on the parameters"
    )
    lines = [
        "",
        f"## {action.name}",
        "",
        *action.document.splitlines(),
        "",
        f"**Effect**: {effect}.",
    ]
    if action.secrets:
        lines.append(f"* **Secrets** may stand in {_listed(sorted(action.secrets))}.")
    for name, kind in action.touches.items():
        lines.append(f"* **Touches**: `{name}` names {_TOUCHES[kind]}.")
    schema = action.params.model_json_schema()
    lines += _table("parameter", schema, schema, required=True)
    if action.output is not None:
        given = action.output.model_json_schema(by_alias=True)
        lines += _table("output", given, given, required=False)
    else:
        lines += ["", "The output is any JSON; see above."]
    return lines


def _table(
    title: str, schema: Mapping[str, Any], root: Mapping[str, Any], *, required: bool
) -> list[str]:
    members = schema.get("properties", {})
    if not members:
        return ["", f"No {title}s."]
    head = f"| {title} | type | default | |" if required else f"| {title} | type | |"
    lines = ["", head, "|---|---|---|---|" if required else "|---|---|---|"]
    for name, member in members.items():
        cells = [f"`{name}`", _type(member, root)]
        if required:
            cells.append("required" if name in schema.get("required", ()) else _default(member))
        lines.append(
            f"| {' | '.join(_cell(one) for one in [*cells, member.get('description', '')])} |"
        )
    for label, inner in _objects(members, root):
        lines += ["", f"{label}:", *_table("member", inner, root, required=True)]
    return lines


def _objects(
    members: Mapping[str, Any], root: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects inside of members, each with what it is called."""
    for name, member in members.items():
        for reference in _references(member):
            inner = root["$defs"][reference.rpartition("/")[2]]
            said = inner.get("description", "An object.").rstrip(".")
            yield f"`{name}`, {said[0].lower()}{said[1:]}", inner


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for key, below in schema.items():
            if key != "discriminator":
                yield from _references(below)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _type(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "const" in schema or "enum" in schema:
        return " or ".join(
            f"`{compact_json(one)}`" for one in schema.get("enum", [schema.get("const")])
        )
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_type(one, root) for one in schema[choice]))
    named = schema.get("type", "object" if "$ref" in schema else "any")
    if isinstance(named, list):
        return " or ".join(named)
    if named == "array" and schema.get("items"):
        return f"array of {_type(schema['items'], root)}"
    if named == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'], root)}"
    return str(named) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least} to {most}"
    if least is not None:
        return f", at least {least}"
    return "" if most is None else f", at most {most}"


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default in (None, [], {}) else f"`{compact_json(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the pages, or compare them; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    differing = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if check:
        for name in differing:
            print(f"docs/reference/actions/{name} is not what the code says: run `make docs`")
        return 1 if differing else 0
    FOLDER.mkdir(exist_ok=True)
    for name in differing:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

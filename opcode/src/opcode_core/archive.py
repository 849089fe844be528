"""Templates taken from one database to another: with all their versions, checked before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opcode_core.errors import NotFoundError, ValidationError
from opcode_core.fields import Field
from opcode_core.jobs import Jobs
from opcode_core.model.definition import TemplateVersion
from opcode_core.model.problems import pointer
from opcode_core.moments import Clock, iso_time, parse_time, to_micros
from opcode_core.plan.fields import check_object
from opcode_core.plan.problems import Problems
from opcode_core.store.protocol import ImportedVersion, NewTemplate, TemplateArchive
from opcode_core.templates import Templates, name_problems

FORMAT = 1
"""Which form the document has; it says so in `opcode_templates`."""
_DOCUMENT = {
    "opcode_templates": Field("integer", required=True, least=FORMAT, most=FORMAT),
    "templates": Field("array", required=True),
}
_TEMPLATE = {"name": Field("string", required=True), "versions": Field("array", required=True)}
_VERSION = {
    "version": Field("string", required=True),
    "definition": Field("any", required=True),
    **{name: Field("any") for name in ("input_schema", "output_schema", "triggers", "description")},
    "agent_id": Field("string", required=True),
    "created_at": Field("string"),
}
_NUMBER = re.compile(r"v([1-9][0-9]{0,8})")
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class _Version:
    """A version in a document: where it stands, its number, and what is said of it."""

    at: str
    name: str
    number: int
    members: dict[str, Any]


class Archive:
    """Takes templates out of a store and into it.

    Args:
        kept: Where they are.
        templates: Checks them.
        jobs: What starts them by itself.
        clock: What time it is.
    """

    def __init__(
        self, kept: TemplateArchive, templates: Templates, jobs: Jobs, clock: Clock
    ) -> None:
        self._kept = kept
        self._templates = templates
        self._jobs = jobs
        self._clock = clock

    async def exported(self, names: Sequence[str]) -> dict[str, Any]:
        """The document of the templates of these names, or of all when there are none.

        Raises:
            NotFoundError: There is no template of one of the names.
        """
        shown: dict[str, list[dict[str, Any]]] = {}
        for version in await self._kept.read_all(names):
            shown.setdefault(version.name, []).append(_shown(version))
        missing = [name for name in names if name not in shown]
        if missing:
            raise NotFoundError(f"there is no template `{missing[0][:_MOST_SHOWN]}`")
        return {
            "opcode_templates": FORMAT,
            "templates": [{"name": name, "versions": versions} for name, versions in shown.items()],
        }

    async def imported(self, document: Any) -> dict[str, Any]:
        """Store the templates of a document: all of them, or none when there is anything wrong.

        Returns:
            `{versions: [{name, version, stored, new}]}`: what became of each.

        Raises:
            ValidationError: Something is wrong; `details.issues` has everything, with the place in the document.
        """
        versions = _read(document)
        ready = [await self._ready(version) for version in await self._checked(versions)]
        done = await self._kept.add_all(ready)
        for name in {one.name for one in done if one.new}:
            self._templates.forget_latest(name)
            await self._jobs.changed(name)
        return {
            "versions": [
                {
                    "name": one.name,
                    "version": f"v{one.number}",
                    "stored": f"v{one.stored}",
                    "new": one.new,
                }
                for one in done
            ]
        }

    async def _checked(self, versions: list[_Version]) -> list[_Version]:
        """The same, if `define` would take each."""
        issues: list[dict[str, Any]] = []
        for version in versions:
            members = version.members
            diagnosis = await self._templates.diagnose(
                members["definition"],
                **{
                    name: members.get(name)
                    for name in ("input_schema", "output_schema", "triggers")
                },
            )
            for problem in [*name_problems(version.name), *diagnosis.errors]:
                place = f"{version.at}/{problem.argument or 'definition'}{problem.path}"
                if problem.argument == "name":
                    place = f"{version.at.rpartition('/versions/')[0]}/name"
                issues.append({**problem.to_json(), "path": place})
        _refuse(issues)
        return versions

    async def _ready(self, version: _Version) -> ImportedVersion:
        members = version.members
        created_at = members.get("created_at")
        return ImportedVersion(
            version.number,
            NewTemplate(
                name=version.name,
                definition=members["definition"],
                input_schema=members.get("input_schema"),
                output_schema=members.get("output_schema"),
                triggers=members.get("triggers"),
                description=members.get("description"),
                agent_id=members["agent_id"],
                created_at=parse_time(created_at) if created_at else to_micros(self._clock.now()),
                jobs=await self._jobs.planned(members.get("triggers")),
            ),
        )


def _shown(version: TemplateVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "definition": version.definition,
        "input_schema": version.input_schema,
        "output_schema": version.output_schema,
        "triggers": version.triggers,
        "description": version.description,
        "agent_id": version.agent_id,
        "created_at": iso_time(version.created_at),
    }


def _read(document: Any) -> list[_Version]:
    """The versions of a document, those of a template together and ascending.

    Raises:
        ValidationError: It is no such document.
    """
    problems = Problems()
    found = list(_versions(document, problems))
    first: dict[str, str] = {}
    for version in found:
        template = version.at.rpartition("/versions/")[0]
        if first.setdefault(version.name, template) != template:
            problems.add(f"{template}/name", "DUPLICATE_ID", "this template stands here twice")
    _refuse([problem.to_json() for problem in problems.all()])
    return sorted(found, key=lambda version: (version.name, version.number))


def _versions(document: Any, problems: Problems) -> Iterator[_Version]:
    for index, template in enumerate(
        check_object(document, _DOCUMENT, "", problems).get("templates", [])
    ):
        at = pointer("/templates", index)
        good = check_object(template, _TEMPLATE, at, problems)
        seen = set()
        for place, version in enumerate(good.get("versions", [])):
            here = f"{at}/versions/{place}"
            members = check_object(version, _VERSION, here, problems)
            number = _number(members, here, problems)
            if number in seen:
                problems.add(f"{here}/version", "DUPLICATE_ID", "this version stands here twice")
            seen.add(number)
            if number is not None and "name" in good and "definition" in members:
                yield _Version(here, good["name"], number, members)


def _number(members: dict[str, Any], at: str, problems: Problems) -> int | None:
    """The number of a version; what else is wrong with its members is reported too."""
    if not isinstance(members.get("description"), (str, type(None))):
        problems.add(f"{at}/description", "WRONG_TYPE", "expected a string or null")
    if "agent_id" in members and not members["agent_id"].strip():
        problems.add(f"{at}/agent_id", "INVALID_VALUE", "it cannot be empty")
    try:
        parse_time(members.get("created_at", "1970-01-01T00:00:00Z"))
    except ValueError:
        problems.add(
            f"{at}/created_at",
            "INVALID_VALUE",
            "write an RFC 3339 time such as 2026-01-31T09:00:00Z",
        )
    if "version" not in members:
        return None
    found = _NUMBER.fullmatch(members["version"])
    if found is None:
        problems.add(f"{at}/version", "INVALID_VALUE", "write v1, v2, …")
        return None
    return int(found[1])


def _refuse(issues: list[dict[str, Any]]) -> None:
    if issues:
        more = f" (and {len(issues) - 1} more in details.issues)" if len(issues) > 1 else ""
        raise ValidationError(
            f"nothing was imported: {issues[0]['path'] or '/'}: {issues[0]['message']}{more}",
            {"issues": issues},
        )

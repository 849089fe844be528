"""Templates: checked and stored by `define`, found and planned for `run`, each version once."""

from __future__ import annotations

import asyncio
import functools
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opcode_core.errors import ActionUnavailableError, NotFoundError, ValidationError
from opcode_core.model.definition import Plan, TemplateVersion
from opcode_core.model.problems import Problem
from opcode_core.plan.compile import Diagnosis, diagnose
from opcode_core.plugins.registry import Registry
from opcode_core.store.protocol import NewTemplate, Store

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_KEPT = 256


class Templates:
    """The templates of a store, with their plans.

    Args:
        store: Where they are kept.
        registry: What their steps may use.
    """

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._latest: dict[str, str] = {}
        self._versions: OrderedDict[tuple[str, str], TemplateVersion] = OrderedDict()
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "opcode-definitions")

    async def diagnose(
        self,
        definition: Any,
        *,
        input_schema: Any = None,
        output_schema: Any = None,
        triggers: Any = None,
    ) -> Diagnosis:
        """Check a definition, in the one thread for that: nobody waits for a large one, nor for an engine to load."""
        check = functools.partial(
            diagnose,
            definition,
            self._registry,
            input_schema=input_schema,
            output_schema=output_schema,
            triggers=triggers,
        )
        return await asyncio.get_running_loop().run_in_executor(self._thread, check)

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def add(self, template: NewTemplate, plan: Plan) -> str:
        """Store a checked definition as the next version; give its name."""
        version = await self._store.add_template(template)
        _keep(self._plans, (template.name, version), plan)
        newest = self._latest.get(template.name)
        if newest is not None and int(version[1:]) > int(newest[1:]):
            self._latest[template.name] = version
        return version

    def forget_latest(self, name: str) -> None:
        """Another version of a template may be the latest now."""
        self._latest.pop(name, None)

    async def find(self, name: str, version: str | None) -> TemplateVersion:
        """A version of a template, the latest by default.

        Raises:
            NotFoundError: There is none.
        """
        key = (name, version or self._latest.get(name, ""))
        found = self._versions.get(key)
        if found is not None:
            return found
        stored = await self._store.template(name, version)
        if stored is None:
            wanted = (
                f"template `{name}` has no version `{version}`"
                if version
                else f"there is no template `{name}`"
            )
            raise NotFoundError(f"{wanted}: `query` with resource `templates` lists them")
        _keep(self._versions, (stored.name, stored.version), stored)
        if version is None:
            newest = self._latest.get(name, "v0")
            self._latest[name] = max(newest, stored.version, key=lambda one: int(one[1:]))
        return stored

    async def plan(self, template: TemplateVersion) -> Plan:
        """The plan of a stored version.

        Raises:
            ActionUnavailableError: An action it uses is not there any more, or not allowed.
            ValidationError: Something else it uses is not there any more.
        """
        key = (template.name, template.version)
        plan = self._plans.get(key)
        if plan is None:
            diagnosis = await self.diagnose(
                template.definition,
                input_schema=template.input_schema,
                output_schema=template.output_schema,
            )
            if diagnosis.plan is None:
                raise _no_longer_usable(template, diagnosis.errors)
            plan = diagnosis.plan
            _keep(self._plans, key, plan)
        return plan


def step_ids(template: TemplateVersion) -> list[str]:
    """The ids of a definition's steps, in order."""
    return [step["id"] for step in template.definition["steps"]]


def name_problems(name: str) -> list[Problem]:
    """What is wrong with a template's name; empty when nothing is."""
    if _NAME.fullmatch(name):
        return []
    hint = "use 1 to 128 letters, digits and . _ / -"
    return [
        Problem(
            "", "INVALID_VALUE", f"{name[:200]!r} is no template name", hint=hint, argument="name"
        )
    ]


def summary(errors: list[Problem]) -> str:
    """The message of a refusal: the first problem, and how many more there are."""
    first = errors[0]
    where = f"{first.argument}{first.path}" if first.argument else first.path or "/"
    more = f" (and {len(errors) - 1} more in details.issues)" if len(errors) > 1 else ""
    return f"the definition was refused: {where}: {first.message}{more}"


def _no_longer_usable(
    template: TemplateVersion, errors: list[Problem]
) -> ValidationError | ActionUnavailableError:
    details = {"issues": [problem.to_json() for problem in errors]}
    message = f"template `{template.name}` {template.version} cannot run here: {errors[0].message}"
    if any(problem.code == "ACTION_UNAVAILABLE" for problem in errors):
        return ActionUnavailableError(message, details)
    return ValidationError(message, details)


def _keep(cache: OrderedDict[tuple[str, str], Any], key: tuple[str, str], value: Any) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > _KEPT:
        cache.popitem(last=False)

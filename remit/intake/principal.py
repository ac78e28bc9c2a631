"""Who asks: ``--as``, else ``REMIT_PRINCIPAL``, else the operating system's user; the record says which."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from policies.approval import Principals
from remit.errors import NotSignedInError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A principal, how it came to be named, and the operating system's user behind it."""

    name: str
    how: Literal["as", "environment", "os"]
    os_user: str

    @property
    def said(self) -> dict[str, str]:
        """What entries keep of it."""
        return {"by": self.name, "how": self.how, "os_user": self.os_user}


def os_user() -> str:
    """Name of the operating system's user that runs this process; environment variables do not change it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def who_asks(
    people: Principals | None, *, given: str | None, environ: Mapping[str, str], user: str | None = None
) -> Asker:
    """Find the principal that asks.

    NotSignedInError where nobody in force is meant; RefusedError where a name is asked for that is not mapped
    to this operating-system user (on a solo desk any name may be used).
    """
    user = user or os_user()
    if people is None:
        raise NotSignedInError(
            "this desk has no principals in force", code="no_principals", hint="remit runbook approve --all"
        )
    named, how = (given, "as") if given else (environ.get("REMIT_PRINCIPAL"), "environment")
    if named:
        return _named(people, named, how="as" if how == "as" else "environment", user=user)
    mine = _of_user(people, user)
    if len(mine) == 1:
        return Asker(name=mine[0], how="os", os_user=user)
    if not mine:
        raise NotSignedInError(
            f"no principal is mapped to the operating-system user {user}",
            code="unknown_user",
            hint=f"add {user} to a principal's os: [...] in delegation.yaml, and have it approved",
        )
    raise NotSignedInError(
        f"{user} is mapped to several principals: {', '.join(mine)}",
        code="ambiguous_user",
        hint="say which with --as NAME",
    )


def _named(people: Principals, name: str, *, how: Literal["as", "environment"], user: str) -> Asker:
    option = "--as" if how == "as" else "REMIT_PRINCIPAL"
    known = people.principals.get(name)
    if known is None:
        raise NotSignedInError(
            f"{option} {name[:60]}: no such principal",
            code="unknown_principal",
            hint=f"name one of these with --as: {', '.join(people.principals)}",
        )
    if not people.approval.solo and user not in known.os:
        raise RefusedError(
            f"{option} {name}: not mapped to the operating-system user {user}",
            code="not_your_name",
            hint=f"you may ask as {' or '.join(_of_user(people, user)) or 'nobody here'}; "
            f"{name}'s os: [...] in delegation.yaml says who else may use that name",
        )
    return Asker(name=name, how=how, os_user=user)


def _of_user(people: Principals, user: str) -> list[str]:
    return [name for name, known in people.principals.items() if user in known.os]

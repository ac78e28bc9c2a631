"""Which secret a role uses for a tool, and that no two roles use the same one unless the owner says so."""

import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from policies.contract import ToolContract
from state.entry import Role
from tools.errors import CredentialClashError, SecretError
from tools.secrets import Secret, SecretRef, Secrets

NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Two roles would be the same to the target. ``names`` are of secrets: one, or two of one value."""

    roles: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Say it without any value."""
        held = (
            f"secret {self.names[0]}" if len(self.names) == 1 else f"one value, as {' and '.join(self.names)}"
        )
        return f"{' and '.join(self.roles)} share {held}; list it under credentials.shared to allow that"


def credential_name(contract: ToolContract, role: Role) -> str:
    """Name what ``role`` uses for the tool, as entries record it; ``none`` where it needs nothing."""
    return contract.credentials.get(role.value, NONE)


class Credentials:
    """Resolves secrets inside the sender, and refuses one that two roles share."""

    def __init__(
        self, secrets: Secrets, contracts: Iterable[ToolContract], *, shared: Collection[str] = ()
    ) -> None:
        """Take the roles' secrets from ``contracts``; ``shared`` names the secrets that roles may share."""
        self._secrets = secrets
        self._shared = frozenset(SecretRef(name).name for name in shared)
        self._roles: dict[str, set[str]] = {}
        for contract in contracts:
            for role, name in contract.credentials.items():
                self._roles.setdefault(SecretRef(name).name, set()).add(role)

    @property
    def shared(self) -> frozenset[str]:
        """Names of secrets that roles may share, for the ledger to say."""
        return self._shared

    def resolve(self, name: str) -> Secret:
        """Give the secret of that name; SecretError, or CredentialClashError when another role has it too."""
        secret = self._secrets.resolve(name)
        clash = self._clash(secret, self._values(besides=secret.name))
        if clash is not None:
            raise CredentialClashError(str(clash))
        return secret

    def clashes(self) -> tuple[Clash, ...]:
        """List every clash, each once, for the doctor; secrets that cannot be resolved are passed over."""
        values = self._values()
        found = (self._clash(secret, values) for _, secret in sorted(values.items()))
        return tuple({clash.names: clash for clash in found if clash is not None}.values())

    def missing(self) -> Mapping[str, str]:
        """Give what is wrong with each secret that cannot be resolved, by name."""
        problems = {}
        for name in sorted(self._roles):
            try:
                self._secrets.resolve(name)
            except SecretError as error:
                problems[name] = str(error)
        return problems

    def _values(self, besides: str = "") -> dict[str, Secret]:
        values = {}
        for name in self._roles:
            if name == besides:
                continue
            try:
                values[name] = self._secrets.resolve(name)
            except SecretError:
                continue  # what is not there is no clash; whoever needs it is told
        return values

    def _clash(self, secret: Secret, others: Mapping[str, Secret]) -> Clash | None:
        mine = self._roles.get(secret.name, set())
        if len(mine) > 1 and secret.name not in self._shared:
            return Clash(roles=tuple(sorted(mine)), names=(secret.name,))
        for name, other in sorted(others.items()):
            roles = self._roles[name] | mine
            same = hmac.compare_digest(secret.reveal(), other.reveal())
            if name != secret.name and same and len(roles) > 1 and not {name, secret.name} <= self._shared:
                return Clash(roles=tuple(sorted(roles)), names=tuple(sorted((name, secret.name))))
        return None

"""What a desk is: a folder and its ledger, what is in force there, and what stands in the files but is not.

In force is what the ledger holds as approved, never what stands on the disk: a file that was edited is
ignored, loudly, until it is approved, and the last approved version stays in force.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from policies.approval import (
    PRINCIPALS,
    Verdict,
    approval,
    may_approve,
    proposal,
    read_principals,
    same_user,
    target_of,
)
from policies.errors import Problem
from policies.in_force import InForce, fold_desk
from remit.errors import ConflictError, DeskError
from remit.folder import Candidate, Folder, read_folder
from remit.intake.principal import Asker
from remit.secrecy import scrubber_of
from remit.settings import Settings
from state.entry import DESK, Draft
from state.errors import PayloadKeyError
from state.ledger.port import Ledger
from tools.scrub import Scrubber
from tools.secrets import Secrets

if TYPE_CHECKING:
    from remit.proving.gate import Prover
    from remit.proving.keeping import Keep

MISSING_VARIABLE: Final = "missing_variable"
REUSED: Final = "this id and version means another runbook already: raise its version"
LEAK: Final = "it holds the value of a secret of this desk, which chain desk would keep for ever"
KEY_FILE: Final = "payload_key"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the files and what is in force.

    ``candidate`` None: the scope would be withdrawn. ``parts``: what differs; ``problem``: why it cannot be
    approved as it is, and ``code`` of that.
    """

    scope: str
    was: str | None
    candidate: Candidate | None
    parts: tuple[str, ...]
    problem: str = ""
    code: str = ""

    @property
    def kind(self) -> Literal["new", "changed", "withdrawn"]:
        """What would happen to the scope."""
        return "withdrawn" if self.candidate is None else "changed" if self.was else "new"

    @property
    def target(self) -> str:
        """What a proposal of it names."""
        return target_of(self.scope, self.candidate.bundle if self.candidate else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a change that somebody wanted to approve. ``proof``: what its approval rests on."""

    change: Change
    state: Literal["approved", "proposed", "refused"]
    verdict: Verdict
    proof: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """One desk, opened. Close it."""

    def __init__(self, settings: Settings, ledger: Ledger, *, environ: Mapping[str, str]) -> None:
        """Take an open ledger; ``environ`` fills in the addresses of connector files."""
        self.settings, self.ledger, self._environ = settings, ledger, environ
        self.in_force = InForce()
        self.refresh()

    @classmethod
    def open(cls, settings: Settings, *, environ: Mapping[str, str] | None = None) -> Self:
        """Open the desk's ledger and read what is in force; the leaves of LedgerError, DeskError."""
        return cls(settings, open_ledger(settings), environ=os.environ if environ is None else environ)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def refresh(self) -> None:
        """Read again what is in force."""
        self.in_force = fold_desk(self.ledger.read(DESK))
        self.__dict__.pop("folder", None)  # what of the files may be executed has changed

    @cached_property
    def folder(self) -> Folder:
        """Read the files to look at them; a Python module is executed only as it was approved."""
        return read_folder(self.settings, self._environ, self.in_force)

    @cached_property
    def proposed(self) -> Folder:
        """Read the files to judge them, once; this executes Python modules that nobody approved yet."""
        return read_folder(self.settings, self._environ)

    @cached_property
    def scrubber(self) -> Scrubber:
        """What takes the secrets of this desk out of whatever is said at a door."""
        secrets = Secrets(
            self.settings.private / "secrets",
            environ=self._environ,
            keyring=self.settings.credentials.keyring,
        )
        return scrubber_of(self.settings, secrets, lambda: self.in_force)

    def changes(self) -> list[Change]:
        """Everything that the files would change, principals first, as it can be approved (``proposed``)."""
        return self._changes(self.proposed)

    def pending(self) -> list[Change]:
        """Everything that the files would change, to be looked at: nothing unapproved is executed."""
        return self._changes(self.folder)

    def _changes(self, folder: Folder) -> list[Change]:
        candidates = folder.candidates()
        found = [self._change(scope, candidate) for scope, candidate in candidates.items()]
        return [c for c in found if c is not None] + self._withdrawals(folder, candidates)

    def warnings(self) -> list[str]:
        """Say what is ignored, and why: for the head of every list."""
        return [what for what, _ in self.ignorances()]

    def ignorances(self) -> list[tuple[str, str]]:
        """Say what is ignored, and why, each with what to do about it."""
        said = [(f"ignored: {problem}", _to_mend(problem)) for problem in self.folder.problems]
        said += [
            (f"ignored: an approval that does not hold ({why})", "remit runbook approve --all")
            for why in self.in_force.ignored
        ]
        for change in self.pending():
            held = "the last approved version stays in force" if change.was else "it is not in force"
            what = f" ({', '.join(change.parts)})" if change.parts else ""
            why = f": {change.problem} [{change.code}]" if change.problem else ""
            name = change.scope.partition("@")[0]
            hint = f"remit runbook diff {name}; then remit runbook approve {name}, or put the files back"
            said.append((f"not approved: {change.scope} is {change.kind}{what}{why}; {held}", hint))
        said += [
            (
                f"not delegated: {ref} has no entry in delegation.yaml; it cannot run",
                f"add an entry for {ref} to delegation.yaml, then remit runbook approve --all",
            )
            for ref in self.folder.undelegated()
        ]
        said += [
            (
                f"missing: {ref} is delegated, but no file here holds it",
                "put its file below runbooks/, or take its entry out of delegation.yaml",
            )
            for ref in self.folder.missing()
        ]
        return said

    def ignored(self, runbook: str | None = None) -> list[str]:
        """Say briefly what of the files is not in force, of one runbook (its id) and what lies around it."""
        own = [
            c for c in self.pending() if runbook in (None, c.scope.partition("@")[0]) or c.scope == PRINCIPALS
        ]
        said = [
            " ".join([c.scope, "is", c.kind, *([f"({', '.join(c.parts)})"] if c.parts else [])]) for c in own
        ]
        unread = {
            p.file: f" ({p.message})" if p.code == MISSING_VARIABLE else "" for p in self.folder.problems
        }
        files = sorted({p.file for p in self.folder.problems if not p.warning})
        others = {self.folder.name_of(b.path) for b in self.folder.runbooks.values() if b.value.id != runbook}
        return said + [
            f"{name} cannot be read{unread[name]}" for name in files if runbook is None or name not in others
        ]

    @property
    def keep(self) -> "Keep":
        """The proofs that this desk keeps."""
        from remit.proving.keeping import Keep

        return Keep(self.settings.private, lambda: payload_key(self.settings))

    def prover(self, **how: Any) -> "Prover":
        """What proves runbooks for this desk; ``how`` as ``Prover`` takes it."""
        from remit.proving.gate import Prover

        return Prover(self.keep, **how)

    def approve(
        self, changes: Sequence[Change], asker: Asker, *, prover: "Prover | None" = None, accepted: str = ""
    ) -> list[Done]:
        """Approve, or propose where somebody else must: one act, judged by the rules in force before it.

        Each runbook is proved before; ``prover``: how far (None: fully), ``accepted``: why less than a full
        proof of every path will do. ConflictError where another approval came between: nothing of what it
        touched is in force by this one.
        """
        people = self.in_force.people()
        ordered = sorted(changes, key=lambda c: (c.scope == PRINCIPALS) is (people is not None))
        done = [self._judge(change, asker, ordered, prover or self.prover(), accepted) for change in ordered]
        drafts = [draft for one in done if (draft := self._draft(one, asker)) is not None]
        if drafts:
            self.ledger.append_desk(drafts, at=self.ledger.now(), code=program())
            self.refresh()
        for one in done:
            wanted = one.change.candidate.bundle.digest if one.change.candidate else None
            if one.state == "approved" and self.in_force.digest(one.change.scope) != wanted:
                raise ConflictError(
                    f"{one.change.scope}: another approval came first",
                    code="approval_conflict",
                    not_done="what it was to become is not in force",
                    hint="remit runbook list",
                )
        return done

    def _change(self, scope: str, candidate: Candidate) -> Change | None:
        was, now = self.in_force.digest(scope), candidate.bundle
        if was == now.digest:
            return None
        before = self.in_force.history[was].bundle.parts if was else {}
        parts = tuple(p for p in now.parts if before.get(p) != now.parts[p]) if was else ()
        flaw = Verdict()
        if candidate.problem:
            flaw = Verdict(code="not_approvable", message=candidate.problem)
        if any(self.scrubber.holds(text) for text in candidate.contents.values()):
            flaw = Verdict(code="secret_in_file", message=LEAK)
        meant = self.in_force.versions.get(scope)
        if meant not in (None, now.parts.get("runbook")):
            flaw = Verdict(code="version_reused", message=REUSED)
        return Change(
            scope=scope, was=was, candidate=candidate, parts=parts, problem=flaw.message, code=flaw.code
        )

    def _withdrawals(self, folder: Folder, candidates: Mapping[str, Candidate]) -> list[Change]:
        if folder.delegation is None:
            return []  # a file that cannot be read withdraws nothing
        kept = {*candidates, *folder.missing()}
        return [
            Change(scope=scope, was=held.bundle.digest, candidate=None, parts=())
            for scope, held in self.in_force.runbooks.items()
            if scope not in kept
        ]

    def _judge(
        self, change: Change, asker: Asker, together: Sequence[Change], prover: "Prover", accepted: str
    ) -> Done:
        if change.problem:
            verdict = Verdict(code=change.code, message=change.problem)
            return Done(change=change, state="refused", verdict=verdict)
        author = self.in_force.proposals.get(change.target)
        verdict = self._verdict(change, asker, together)
        if not verdict.allowed and (author is not None or not self._known(asker)):
            return Done(change=change, state="refused", verdict=verdict)
        proof: dict[str, Any] = {}
        if change.candidate is not None and change.scope != PRINCIPALS:
            proven = prover.prove_candidate(change.candidate)
            if not (unproved := proven.allowed(accepted)).allowed:
                return Done(change=change, state="refused", verdict=unproved)
            proof = proven.recorded(accepted)
        state: Literal["approved", "proposed"] = "approved" if verdict.allowed else "proposed"
        return Done(change=change, state=state, verdict=verdict, proof=proof)

    def _author(self, change: Change, asker: Asker) -> str:
        proposed = self.in_force.proposals.get(change.target)
        return proposed.by if proposed else asker.name

    def _verdict(self, change: Change, asker: Asker, together: Sequence[Change]) -> Verdict:
        rules, by, author = self.in_force.people(), asker.name, self._author(change, asker)
        same = same_user(self.in_force.proposals.get(change.target), asker.said)
        if rules is not None:
            return may_approve(rules, by=by, author=author, same_user=same)
        # Nothing is in force yet: the first principals are approved by themselves, the rest by them.
        candidate = next((c.candidate for c in together if c.scope == PRINCIPALS), None)
        first = None
        if candidate is not None:
            first = read_principals(candidate.contents[candidate.bundle.parts[PRINCIPALS]])
        if change.scope == PRINCIPALS:
            return may_approve(None, by=by, author=author, first=first, same_user=same)
        return may_approve(first, by=by, author=author, same_user=same)

    def _known(self, asker: Asker) -> bool:
        people = self.in_force.people()
        return people is not None and asker.name in people.principals

    def _draft(self, one: Done, asker: Asker) -> Draft | None:
        change = one.change
        if one.state == "proposed":
            return proposal(scope=change.scope, to=change.target, by=asker.name, who=asker.said)
        if one.state == "refused":
            return None
        known = self.in_force.contents
        contents = change.candidate.contents if change.candidate else {}
        return approval(
            bundle=change.candidate.bundle if change.candidate else None,
            scope=change.scope,
            was=change.was,
            by=asker.name,
            author=self._author(change, asker),
            solo=one.verdict.solo,
            contents={digest: text for digest, text in contents.items() if digest not in known},
            proof=one.proof or None,
            who=asker.said,
        )


def _to_mend(problem: Problem) -> str:
    """What to do about a file that is ignored."""
    if problem.code == MISSING_VARIABLE:
        names = problem.message.partition(" is not set")[0].split(", ")
        return f"{'; '.join(f'export {name}=http://HOST:PORT' for name in names)} where remit is started"
    return f"mend {problem.file}; remit runbook lint"


def open_ledger(settings: Settings) -> Ledger:
    """Open the ledger of a desk, with its payload key; the leaves of LedgerError, DeskError."""
    from state.ledger.sql.opening import open_ledger as opened
    from state.projection import project

    settings.private.mkdir(mode=0o700, exist_ok=True)
    key = payload_key(settings)
    try:
        return opened(settings.ledger_at, code=program(), project=project, payload_key=key)
    except PayloadKeyError as error:
        raise DeskError(
            str(error),
            code="payload_key_other",
            hint=f"put the very key of this ledger into {_key_file(settings)}",
        ) from error


def payload_key(settings: Settings) -> bytes:
    """Read the key of payloads and seals, made at the first use in a 0600 file; DeskError.

    It is never made anew for a ledger that was made with one: what stands there could not be proven any more.
    """
    from state.ledger.sql.opening import keeps_a_key

    path = _key_file(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists() and keeps_a_key(settings.ledger_at):
        raise DeskError(
            f"{path} is missing, and with it the key that {settings.ledger_name} was made with",
            code="payload_key_missing",
            hint="put it back from your backup (a second desk on one ledger: copy it from the first)",
        )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read_key(path)
    key = secrets.token_hex(_KEY_BYTES)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return bytes.fromhex(key)


def _key_file(settings: Settings) -> Path:
    return settings.private / "secrets" / KEY_FILE


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise DeskError(f"{path} holds no key: {error}", code="bad_payload_key") from error
    if len(key) != _KEY_BYTES:
        raise DeskError(f"{path} holds no key of {_KEY_BYTES} bytes", code="bad_payload_key")
    return key


def program() -> str:
    """Name and version of this program, as entries keep it."""
    try:
        return f"remit {version('remit')}"
    except PackageNotFoundError:
        return "remit unknown"

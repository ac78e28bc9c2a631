"""``remit runbook approve``: what an approval binds is shown, proved, asked for, and put in force."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from policies.approval import PRINCIPALS
from remit.cli.door import ESCALATED, OK, REFUSED, USAGE, Door, columns
from remit.cli.named import Ids, chosen
from remit.cli.prove import Seconds, Watched, Workers, bounds, said
from remit.errors import RefusedError, UsageError
from state.wording import wrapped

if TYPE_CHECKING:
    from remit.desk import Change, Desk, Done
    from remit.intake.principal import Asker
    from remit.proving.gate import Proven, Prover

MAX_WHY: Final = 300
_OTHERWISE: Final = {"not_exhausted": "; a greater --seconds; or --accept-not-exhausted WHY"}


def approve(
    door: Door,
    ids: Ids = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is pending, as one act.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    accepted: Annotated[
        str,
        typer.Option(
            "--accept-not-exhausted",
            metavar="WHY",
            help="Approve without a full proof of every path, for this reason; the approval keeps it.",
        ),
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Prove without crashes and humans; needs --accept-not-exhausted.")
    ] = False,
    seconds: Seconds = None,
    workers: Workers = None,
) -> int:
    """Show what an approval binds, prove it, ask, and put it in force; or propose it to who must approve."""
    from policies.proof.prover import Depth

    desk, asker = door.desk(), door.operator()
    accepted = _reason(desk, accepted)
    if quick and not accepted:
        raise UsageError(
            "--quick is no full proof: say why it will do", code="usage", hint="--accept-not-exhausted WHY"
        )
    changes = chosen(desk, ids or [], all_=all_)
    if not changes:
        _refuse_undelegated(desk, ids or [])
        door.data([]) if door.json else door.say("nothing is pending; nothing was done")
        return OK
    _refuse_flawed(desk, changes)
    if not door.json:
        lines = (line for change in changes for line in _bound(desk, change))
        door.text(*(part for line in lines for part in wrapped(line, columns(), hang=4)))
    with Watched(door) as watched:
        prover = desk.prover(
            depth=Depth.QUICK if quick else Depth.FULL, bounds=bounds(seconds, None, workers), show=watched
        )
        proven = _proved(changes, prover, accepted, watched)
    door.say(*(f"{scope}: {said(one)}" for scope, one in proven.items()))
    if not door.confirm(f"Approve {len(changes)} as {asker.name}?", yes=yes):
        door.say("not approved; nothing was done")
        return USAGE
    done = desk.approve(changes, asker, prover=prover, accepted=accepted)
    if door.json:
        door.data([_outcome(one) for one in done])
    else:
        door.say(*(_said(one) for one in done))
        door.say(*_who_else(desk, done, asker))
    states = {one.state for one in done}
    return REFUSED if "refused" in states else ESCALATED if "proposed" in states else OK


def _bound(desk: "Desk", change: "Change") -> list[str]:
    """What an approval of ``change`` binds and lets happen, in lines."""
    from remit.review import differences

    if change.candidate is None:
        return [f"{change.scope}: withdrawn (delegation.yaml does not name it any more)", ""]
    bundle = change.candidate.bundle
    lines = [f"{change.scope}: {change.kind}, {bundle.digest[:23]}", *differences(desk, change).lines[1:]]
    for part, digest in bundle.parts.items():
        mark = "*" if not change.was or part in change.parts else " "
        lines.append(f"  {mark} {part:<11} {digest[:23]}")
    author = desk.in_force.proposals.get(change.target)
    lines += [f"    proposed by {author.by}"] if author else []
    return [*lines, ""]


def _refuse_undelegated(desk: "Desk", ids: list[str]) -> None:
    """A runbook that no entry of the delegation names is not pending: nobody could run it."""
    for ref in desk.folder.undelegated():
        if ref in ids or ref.partition("@")[0] in ids:
            raise UsageError(
                f"{ref} has no entry in delegation.yaml: nobody could run it",
                code="not_delegated",
                not_done="nothing was approved",
                hint=f"add an entry for {ref} to delegation.yaml, then remit runbook approve {ref}",
            )


def _who_else(desk: "Desk", done: "list[Done]", asker: "Asker") -> list[str]:
    """What somebody else has to run for what was only proposed."""
    scopes = [one.change.scope.partition("@")[0] for one in done if one.state == "proposed"]
    people = desk.in_force.people()
    if not scopes or people is None:
        return []
    others = [
        name
        for name, known in people.principals.items()
        if name != asker.name and people.approver(name) and set(known.os) != {asker.os_user}
    ]
    who = " or ".join(others) or "somebody who approves, and there is nobody else yet,"
    return [f"next: {who} runs: remit runbook approve {' '.join(dict.fromkeys(scopes))}"]


def _refuse_flawed(desk: "Desk", changes: "list[Change]") -> None:
    """One flawed change keeps all of them from being approved: it is one act."""
    from remit.review import unsafe

    for change in changes:
        if change.problem:
            raise RefusedError(
                f"{change.scope}: {change.problem}",
                code=change.code,
                not_done="nothing was approved",
                hint="mend it, or approve the others by their ids",
            )
        found = unsafe(desk.proposed, change.scope) if change.scope in desk.proposed.runbooks else []
        if change.candidate is not None and found:
            raise UsageError(
                "\n".join([f"{change.scope} cannot be run safely:", *map(str, found)]),
                code="lint",
                not_done="nothing was approved",
                hint="mend it, or approve the others by their ids",
            )


def _reason(desk: "Desk", accepted: str) -> str:
    """Why less than a full proof will do; UsageError for a text that chain ``desk`` should not keep."""
    reason = " ".join(accepted.split())
    if accepted and not reason:
        raise UsageError("say why in words", code="usage")
    if len(reason) > MAX_WHY:
        raise UsageError(f"the reason is longer than {MAX_WHY} characters", code="usage")
    if desk.scrubber.holds(reason):
        raise UsageError("the reason holds the value of a secret of this desk", code="usage")
    return reason


def _proved(
    changes: "list[Change]", prover: "Prover", accepted: str, watched: "Watched"
) -> "dict[str, Proven]":
    """Prove every runbook of the changes; RefusedError for the first that must not be approved."""
    found = {}
    for change in changes:
        if change.candidate is None or change.scope == PRINCIPALS:
            continue
        proven = prover.prove_candidate(change.candidate)
        verdict = proven.allowed(accepted)
        if not verdict.allowed:
            watched.clear()
            raise RefusedError(
                f"{change.scope}: {verdict.message}",
                code=verdict.code,
                not_done="nothing was approved",
                hint=f"remit runbook prove {change.scope}" + _OTHERWISE.get(verdict.code, ""),
            )
        found[change.scope] = proven
    return found


def _outcome(one: "Done") -> dict[str, Any]:
    bundle = one.change.candidate.bundle if one.change.candidate else None
    return {
        "scope": one.change.scope,
        "kind": one.change.kind,
        "state": one.state,
        "solo": one.verdict.solo,
        "digest": bundle.digest if bundle else None,
        "proof": dict(one.proof) or None,
        "code": one.verdict.code or None,
        "message": one.verdict.message or None,
    }


def _said(one: "Done") -> str:
    if one.state == "approved":
        what = "withdrawn" if one.change.candidate is None else "approved and in force"
        return f"{what}: {one.change.scope}{' (solo)' if one.verdict.solo else ''}"
    if one.state == "proposed":
        return f"proposed: {one.change.scope}; not in force: {one.verdict.message} [{one.verdict.code}]"
    return f"refused: {one.change.scope}: {one.verdict.message} [{one.verdict.code}]"

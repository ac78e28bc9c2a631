"""Writes and reads that every guard lets pass, in all their variety, and what is said of a spoilt one."""

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from hypothesis import strategies as st

from policies.call import Call
from policies.contract import ToolContract
from policies.guards import READ, WRITE, Allowed, Denied, GuardContext, walk
from policies.guards.limits import confirmation_digest
from policies.in_force import Policy
from policies.text import flaw
from state import instants
from state.task import Claim, Confirmation
from tests import guard_kit as kit

Asked = tuple[Call, GuardContext]
ACCOUNTS: Final = st.from_regex(r"acc-[0-9]{1,9}", fullmatch=True)
WORDS: Final = st.sampled_from(
    ["café", "Привет", "東京", "naïve — “quoted”", "Ωμέγα", "{{7*7}}", "$(id)", "'; --"]
)
NOTES: Final = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80) | WORDS
COUNTS: Final = st.integers(min_value=1, max_value=20)
NAMES: Final = st.from_regex(r"[a-z]{1,12}", fullmatch=True)

# made once: a context costs more than all that is asked of it
_CONTEXT: Final = kit.context()
_READ_CONTEXT: Final = kit.read_context()
_CLAIM: Final = Claim(
    epoch=1, seq=4, at=kit.AT, worker="w1", boot_id="boot-1", pid_ns="n", pid=1, start_time=1, uid=1,
    lock_file="l", clock=kit.CLOCK,
)  # fmt: skip


def of_inputs(given: Asked, **changed: Any) -> Asked:
    """Let the run be asked for something else: arguments, target, resource and hold all follow."""
    call, context = given
    inputs = {**context.task.inputs, **changed}
    resource = f"seats/{inputs['account']}"
    task = replace(
        context.task, inputs=inputs, target=f"{inputs['env']}/{inputs['account']}", holds=(resource,),
        resources=(resource,),
    )  # fmt: skip
    arguments = {**call.arguments, **{n: v for n, v in inputs.items() if n != "env"}}
    call, context = replace(call, arguments=arguments, resource=resource), replace(context, task=task)
    answer = task.confirmations.get("grant/1")
    return confirmed(call, context, by=str(answer.by)) if answer is not None else (call, context)


@st.composite
def writes(draw: st.DrawFn) -> Asked:
    """Any write that is due and within everything that was handed over."""
    given = kit.call(), _CONTEXT
    call, context = of_inputs(given, account=draw(ACCOUNTS), count=draw(COUNTS), note=draw(NOTES), env="prod")
    label, epoch, asker = draw(st.sampled_from("ab")), draw(st.integers(1, 10**6)), draw(NAMES)
    call = replace(
        call, arguments={**call.arguments, "label": label}, timeout_s=draw(st.integers(1, 5_000)) / 1000
    )
    spent = draw(st.integers(0, 899_000))
    task = replace(
        context.task, derived={"label": label}, epoch=epoch, spent_ms=spent, terms={"requester": asker},
        claims=(replace(_CLAIM, epoch=epoch),),
    )  # fmt: skip
    at = instants.after(kit.AT, draw(st.floats(0, 0.9, allow_nan=False)))
    moment = replace(
        context.moment, at=at, attempts_on={call.resource: draw(st.integers(0, 9)), "seats/else": 99}
    )
    people = kit.people(**{asker: ("operator",), f"{asker}x": ("oncall",)})
    context = replace(context, task=task, epoch=epoch, moment=moment, people=people)
    return confirmed(call, context, by=f"{asker}x") if draw(st.booleans()) else (call, context)


def confirmed(call: Call, context: GuardContext, *, by: str, **changed: Any) -> Asked:
    """Ask for a yes, and let ``by`` give it to exactly this write, or as ``changed``."""
    given = Confirmation(
        op="grant/1", digest=changed.pop("digest", confirmation_digest(call, kit.GRANT)), asked_at=kit.AT,
        expires_at=kit.AT, summary="", answer=changed.pop("answer", "yes"), by=by,
    )  # fmt: skip
    task = replace(context.task, mode="confirm", confirmations={"grant/1": given})
    return call, replace(context, task=task)


@st.composite
def reads(draw: st.DrawFn) -> Asked:
    """Any read of a tool in authority, of whatever a text may name."""
    account = draw(ACCOUNTS)
    call = kit.read_call(arguments={"account": account}, timeout_s=draw(st.integers(1, 3_000)) / 1000)
    context = _READ_CONTEXT
    if draw(st.booleans()):
        context = replace(
            context, template={"account": "{inputs.account}"}, values={"inputs": {"account": account}}
        )
    return call, context


@lru_cache(maxsize=64)
def _contract(changes: tuple[tuple[str, Any], ...]) -> tuple[ToolContract, Policy]:
    contract = kit.GRANT.model_copy(update=dict(changes))
    return contract, kit.policy(contracts=(contract, kit.GET))


def under(given: Asked, **changes: Any) -> Asked:
    """Judge the same under another contract, approved and pinned as it is."""
    call, context = given
    contract, approved = _contract(tuple(sorted(changes.items())))
    task = replace(context.task, pins=approved.pins)
    return call, replace(context, contract=contract, pinned=approved, present=approved, task=task)


def argument(given: Asked, name: str, value: Any) -> Asked:
    """Change one argument of the call alone."""
    return replace(given[0], arguments={**given[0].arguments, name: value}), given[1]


def of_task(given: Asked, **changes: Any) -> Asked:
    """Change fields of the run."""
    return given[0], replace(given[1], task=replace(given[1].task, **changes))


def of_moment(given: Asked, **changes: Any) -> Asked:
    """Change fields of the moment."""
    return given[0], replace(given[1], moment=replace(given[1].moment, **changes))


def of_context(given: Asked, **changes: Any) -> Asked:
    """Change what else the guards are told."""
    return given[0], replace(given[1], **changes)


def refused(given: Asked, by: str, *, alone: bool = True) -> None:
    """The write is refused by that guard with that code; ``alone``: without the guard it would be allowed."""
    _refused(WRITE, given, by, alone=alone)


def read_refused(given: Asked, by: str, *, alone: bool = True) -> None:
    """Expect the same of a read."""
    _refused(READ, given, by, alone=alone)


def _refused(table: tuple[Any, ...], given: Asked, by: str, *, alone: bool) -> None:
    verdict = walk(table, *given)
    assert isinstance(verdict, Denied)
    assert f"{verdict.guard}/{verdict.code}" == by, verdict.message
    if alone:
        others = walk(tuple(g for g in table if g.name != verdict.guard), *given)
        assert isinstance(others, Allowed), others


def unlike(values: st.SearchStrategy[Any], *others: Any) -> st.SearchStrategy[Any]:
    """Give values that are none of ``others``, in type and value."""
    return values.filter(lambda v: not any(type(v) is type(o) and v == o for o in others))


def untaken_texts() -> st.SearchStrategy[str]:
    """Texts that show as another, or not at all."""
    hidden = st.characters(categories=["Cc", "Cf", "Co", "Zl", "Zp"])
    twin = st.sampled_from(["e\u0301", "\uff0e\uff0e\uff0f", "p\u0430y", "\u00a0", "\u2100", "\u3164"])
    around = st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), max_size=8)
    return (
        st.tuples(around, hidden | twin, around)
        .map("".join)
        .filter(lambda t: flaw(t, allowed="") is not None)
    )


SCALARS: Final = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
)
ANYTHING: Final = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)

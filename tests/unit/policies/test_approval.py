from pathlib import Path

import pytest

from policies import yaml_tree
from policies.approval import (
    PARTS,
    PRINCIPALS,
    Bundle,
    approval,
    document,
    may_approve,
    proposal,
    read_principals,
    target_of,
)
from policies.contract import Answers, Dedupe, DedupeKind, Effect, IntegerSpec, ToolContract
from policies.in_force import InForce, apply_desk, fold_desk
from state import canonical
from state.entry import DESK, Draft, Head, Kind, seal

EXAMPLES = Path(__file__).parents[2] / "fixtures" / "examples"
PEOPLE = {
    "principals": {
        "dana": {"roles": ["operator"], "os": ["dana"]},
        "lee": {"roles": ["owner"], "os": ["lee"]},
        "olga": {"roles": ["owner"], "os": ["olga"]},
        "queue": {"kind": "source", "roles": ["owner"]},
    },
    "approval": {"approvers": ["owner"], "not_author": True},
}


def chain(*drafts):
    entries, head = [], Head()
    for draft in drafts:
        entry = seal(draft, run=DESK, head=head, at="2026-11-23T21:00:00.000000Z", epoch=0, code="t")
        entries.append(entry)
        head = Head(seq=entry.seq, hash=entry.hash)
    return entries


def bundle_of(scope, **parts):
    contents, digests = {}, {}
    for part, value in parts.items():
        text = document(value)
        digests[part] = canonical.digest_text(text)
        contents[digests[part]] = text
    return Bundle(scope=scope, parts=digests), contents


def people_approved(people=PEOPLE, *, by="lee", was=None, author=None, solo=False):
    bundle, contents = bundle_of(PRINCIPALS, principals=people)
    return approval(
        bundle=bundle, scope=PRINCIPALS, was=was, by=by, author=author or by, solo=solo, contents=contents
    )


def runbook_parts(name="service-recovery", **changed):
    book = yaml_tree.read((EXAMPLES / f"{name}.yaml").read_bytes(), name).value
    delegation = yaml_tree.read((EXAMPLES / "delegation.yaml").read_bytes(), "delegation").value
    entry = next(e for e in delegation["delegate"] if e["runbook"].startswith(name))
    return {
        "runbook": book, "contracts": {"supervisor.stop": "sha256:aa"}, "connectors": {},
        "sources": {"page_tools": "sha256:bb"},
        "catalog": {"services": []},
        "addresses": {"supervisors": {}, "hosts": []}, "delegation": entry, **changed,
    }  # fmt: skip


def book_approved(*, by="lee", author="dana", was=None, solo=False, scope="service-recovery@3", **changed):
    bundle, contents = bundle_of(scope, **runbook_parts(**changed))
    return bundle, approval(
        bundle=bundle, scope=scope, was=was, by=by, author=author, solo=solo, contents=contents
    )


def proposed(bundle, by="dana", scope="service-recovery@3"):
    return proposal(scope=scope, to=target_of(scope, bundle), by=by)


def test_what_is_approved_is_in_force_with_all_its_parts():
    bundle, draft = book_approved()
    view = fold_desk(chain(people_approved(), proposed(bundle), draft))
    assert view.ignored == ()
    policy = view.policy("service-recovery@3")
    assert policy.runbook.title.startswith("Restart a supervised service")
    assert policy.delegation.mode == "delegated"
    assert policy.pins["bundle"] == bundle.digest
    assert policy.pins["runbook"] == bundle.parts["runbook"]
    assert view.newest("service-recovery") == "service-recovery@3"
    assert view.newest("another") is None


@pytest.mark.parametrize("part", PARTS)
def test_a_change_of_any_part_is_another_digest(part):
    before, _ = bundle_of("service-recovery@3", **runbook_parts())
    after, _ = bundle_of("service-recovery@3", **runbook_parts(**{part: {"changed": 1}}))
    assert before.digest != after.digest
    assert {p for p in before.parts if before.parts[p] != after.parts[p]} == {part}


def test_the_scope_is_part_of_the_digest():
    one, _ = bundle_of("a@1", **runbook_parts())
    other, _ = bundle_of("a@2", **runbook_parts())
    assert one.digest != other.digest


def test_nothing_is_in_force_on_an_empty_chain():
    assert fold_desk([]) == InForce()
    with pytest.raises(KeyError):
        InForce().policy("service-recovery@3")


def test_the_first_principals_are_approved_by_an_approver_that_they_name():
    assert fold_desk(chain(people_approved(by="dana"))).principals is None
    assert fold_desk(chain(people_approved(by="lee"))).principals.by == "lee"


def test_a_runbook_is_not_approved_before_principals_are():
    bundle, draft = book_approved()
    view = fold_desk(chain(proposed(bundle), draft))
    assert view.runbooks == {}
    assert "nobody is in force" in view.ignored[0]


@pytest.mark.parametrize("by", ["dana", "queue", "nobody"])
def test_only_a_human_with_an_approvers_role_approves(by):
    bundle, draft = book_approved(by=by, author="olga")
    view = fold_desk(chain(people_approved(), proposed(bundle, by="olga"), draft))
    assert view.runbooks == {}
    assert len(view.ignored) == 1


def test_an_author_does_not_approve_their_own_change_but_another_owner_does():
    people = read_principals(document(PEOPLE))
    assert may_approve(people, by="lee", author="lee").code == "own_change"
    assert may_approve(people, by="lee", author=None).code == "own_change"
    assert may_approve(people, by="olga", author="lee").allowed
    assert not may_approve(people, by="olga", author="lee").solo


def test_two_names_of_one_operating_system_user_are_one_pair_of_eyes():
    people = read_principals(document(PEOPLE))
    verdict = may_approve(people, by="olga", author="lee", same_user=True)
    assert (verdict.code, "as lee" in verdict.message) == ("own_change", True)
    solo = read_principals(document({**PEOPLE, "approval": {"approvers": ["owner"], "solo": True}}))
    assert may_approve(solo, by="olga", author="lee", same_user=True).solo
    loose = read_principals(document({**PEOPLE, "approval": {"not_author": False}}))
    assert may_approve(loose, by="olga", author="lee", same_user=True).allowed


@pytest.mark.parametrize(
    ("proposer", "approver", "holds"),
    [("root", "root", False), ("root", "other", True), (None, "root", True), ("root", None, True)],
)
def test_replay_judges_by_the_operating_systems_user_too(proposer, approver, holds):
    def who(user):
        return {"how": "as", "os_user": user} if user else {}

    bundle, contents = bundle_of("service-recovery@3", **runbook_parts())
    target = target_of("service-recovery@3", bundle)
    offer = proposal(scope="service-recovery@3", to=target, by="dana", who=who(proposer))
    given = approval(
        bundle=bundle, scope="service-recovery@3", was=None, by="lee", author="dana", solo=False,
        contents=contents, who=who(approver),
    )  # fmt: skip
    view = fold_desk(chain(people_approved(), offer, given))
    assert ("service-recovery@3" in view.runbooks, view.ignored == ()) == (holds, holds)


def test_a_solo_desk_approves_itself_and_says_so():
    people = read_principals(document({**PEOPLE, "approval": {"approvers": ["owner"], "solo": True}}))
    verdict = may_approve(people, by="lee", author="lee")
    assert verdict.allowed
    assert verdict.solo
    assert not may_approve(people, by="lee", author="dana").solo


def test_without_not_author_an_owner_approves_what_they_wrote_and_it_is_not_solo():
    people = read_principals(document({**PEOPLE, "approval": {"not_author": False}}))
    verdict = may_approve(people, by="lee", author="lee")
    assert (verdict.allowed, verdict.solo) == (True, False)


def test_an_approval_that_hides_its_author_does_not_hold():
    bundle, draft = book_approved(by="lee", author="dana")
    view = fold_desk(chain(people_approved(), proposed(bundle, by="lee"), draft))
    assert view.runbooks == {}


def test_the_first_to_propose_is_the_author():
    bundle, draft = book_approved(by="lee", author="lee")
    view = fold_desk(chain(people_approved(), proposed(bundle, by="lee"), proposed(bundle, by="dana"), draft))
    assert view.runbooks == {}


def test_an_approval_starts_from_the_digest_in_force_and_is_used_once():
    first, one = book_approved()
    second, two = book_approved(was=first.digest, catalog={"services": [1]})
    entries = chain(people_approved(), proposed(first), one, proposed(second), two, two)
    view = fold_desk(entries)
    assert view.digest("service-recovery@3") == second.digest
    assert len(view.ignored) == 1  # the replayed one
    stale, late = book_approved(was=first.digest, catalog={"services": [2]})
    view = fold_desk(
        chain(people_approved(), proposed(first), one, proposed(second), two, proposed(stale), late)
    )
    assert view.digest("service-recovery@3") == second.digest


def test_an_id_and_version_means_one_runbook_for_ever():
    first, one = book_approved()
    other_book = {**runbook_parts()["runbook"], "title": "Another"}
    second, two = book_approved(was=first.digest, runbook=other_book)
    view = fold_desk(chain(people_approved(), proposed(first), one, proposed(second), two))
    assert view.digest("service-recovery@3") == first.digest
    assert "means another runbook" in view.ignored[0]
    gone = approval(
        bundle=None,
        scope="service-recovery@3",
        was=first.digest,
        by="lee",
        author="dana",
        solo=False,
        contents={},
    )
    withdrawal = proposal(scope="service-recovery@3", to=target_of("service-recovery@3", None), by="dana")
    back, again = book_approved(was=None, runbook=other_book)
    view = fold_desk(chain(people_approved(), proposed(first), one, withdrawal, gone, proposed(back), again))
    assert view.runbooks == {}
    assert "means another runbook" in view.ignored[0]


def test_a_withdrawn_runbook_is_not_in_force_but_its_runs_can_still_read_their_pins():
    bundle, draft = book_approved()
    withdrawal = proposal(scope="service-recovery@3", to=target_of("service-recovery@3", None), by="dana")
    gone = approval(
        bundle=None,
        scope="service-recovery@3",
        was=bundle.digest,
        by="lee",
        author="dana",
        solo=False,
        contents={},
    )
    view = fold_desk(chain(people_approved(), proposed(bundle), draft, withdrawal, gone))
    assert view.newest("service-recovery") is None
    assert view.pinned(bundle.digest).runbook.version == 3


@pytest.mark.parametrize(
    "forge",
    [
        lambda body: body["contents"].update({next(iter(body["contents"])): "{}"}),
        lambda body: body["contents"].popitem(),
        lambda body: body["parts"].update(catalog="sha256:00"),
        lambda body: body.update(by="olga"),
        lambda body: body.update(solo=True),
        lambda body: body.update({"from": "sha256:00"}),
    ],
)
def test_a_forged_approval_does_not_hold(forge):
    bundle, draft = book_approved()
    body = {**draft.body, "parts": dict(draft.body["parts"]), "contents": dict(draft.body["contents"])}
    forge(body)
    forged = Draft(kind=Kind.APPROVED, role=draft.role, actor=draft.actor, body=body)
    view = fold_desk(chain(people_approved(), proposed(bundle), forged))
    assert view.runbooks == {}
    assert len(view.ignored) == 1


def test_principals_change_only_by_an_owner_then_in_force():
    takeover = {
        "principals": {"eve": {"roles": ["owner"], "os": ["eve"]}},
        "approval": {"approvers": ["owner"], "solo": True},
    }
    first = people_approved()
    was = first.body["to"]
    assert (
        fold_desk(chain(first, people_approved(takeover, by="eve", was=was, solo=True))).digest(PRINCIPALS)
        == was
    )
    new = people_approved(takeover, by="lee", was=was, author="dana")
    offer = proposal(scope=PRINCIPALS, to=new.body["to"], by="dana")
    view = fold_desk(chain(first, offer, new))
    assert view.people().approver("eve")
    assert not view.people().approver("lee")


def test_other_entries_of_the_chain_change_nothing():
    view = fold_desk(chain(people_approved()))
    for kind in (Kind.STOPPED, Kind.STARTED, Kind.SIGNED, Kind.LOADED):
        entry = chain(Draft(kind=kind, body={"scope": "desk"}))[0]
        assert apply_desk(view, entry) is view


def test_sources_of_modules_are_in_force_with_the_contracts_that_were_approved():
    grant = ToolContract(
        name="seats.grant", effect=Effect.WRITE, arguments={"n": IntegerSpec(type="integer", maximum=3)},
        result={"seats": "integer"}, resource="seats/{n}", timeout_s=0.25, connector="page_tools",
        dedupe=Dedupe(kind=DedupeKind.NATIVE_KEY, window_s=1.5), answers=Answers(succeeded=(200,)),
    )  # fmt: skip
    assert ToolContract.from_document(grant.document) == grant
    parts = runbook_parts(contracts={grant.name: grant.digest}, sources={"page_tools": "sha256:bb"})
    bundle, contents = bundle_of("service-recovery@3", **parts)
    draft = approval(
        bundle=bundle, scope=bundle.scope, was=None, by="lee", author="dana", solo=False,
        contents={**contents, grant.digest: grant.document},
    )  # fmt: skip
    view = fold_desk(chain(people_approved(), proposed(bundle), draft))
    assert view.ignored == ()
    policy = view.policy("service-recovery@3")
    assert policy.sources == {"page_tools": "sha256:bb"}
    assert ToolContract.from_document(policy.documents[grant.name]).digest == grant.digest
    assert view.sources() == {("page_tools", "sha256:bb")}
    assert set(view.promised()) == {grant.name}


def test_an_approval_from_before_sources_were_bound_binds_none():
    parts = {part: value for part, value in runbook_parts().items() if part != "sources"}
    bundle, contents = bundle_of("service-recovery@3", **parts)
    draft = approval(
        bundle=bundle, scope=bundle.scope, was=None, by="lee", author="dana", solo=False, contents=contents
    )
    view = fold_desk(chain(people_approved(), proposed(bundle), draft))
    assert view.policy("service-recovery@3").sources == {}
    assert view.sources() == frozenset()

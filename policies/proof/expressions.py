"""Whether a runbook's expressions mean what they are for, over small domains under the tools' models.

Every beginning from which a run writes is walked once with all steps, and once without each optional one.
Nothing is sent twice and nothing is lost here: what outcomes do is the exploration's question; this one is
what probes, checks and completion say of a target that was, and was not, touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from policies.contract import ToolContract
from policies.proof.effects import Book, Look, Said, depends_on_before
from policies.proof.findings import Finding, Telling
from policies.proof.starts import Start, Starts, starts
from policies.proof.trust import trusted_of
from policies.proof.walk import Sent, Walked, walk
from policies.runbook import Runbook
from policies.step import Check
from policies.yaml_tree import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found. ``trusted``: in words, what could not be told; ``starts``: from where it was looked."""

    findings: tuple[Finding, ...]
    trusted: tuple[str, ...]
    starts: Starts

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The counterexamples."""
        return tuple(one for one in self.findings if one.blocks)


def findings(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> tuple[Finding, ...]:
    """List what is wrong with the expressions, each with its counterexample; KeyError as ``judge``."""
    return judge(runbook, contracts).findings


def judge(runbook: Runbook, contracts: Mapping[str, ToolContract]) -> Judged:
    """Evaluate all expressions of a runbook; KeyError where one of its tools has no contract."""
    found, book = starts(runbook, contracts), Book(runbook, contracts)
    judgement = _Judgement(book)
    optional = [step.id for step in runbook.steps if step.optional]
    ways = [frozenset({one}) for one in optional] + ([frozenset(optional)] if len(optional) > 1 else [])
    whole = [walk(book, start) for start in found.kept]
    for walked in whole:
        judgement.see(walked)
    for left in ways:
        for walked in whole:
            judgement.see_left(walk(book, walked.start, left), walked)
    trusted = trusted_of(book, found)
    return Judged(findings=tuple(judgement.findings()), trusted=trusted, starts=found)


@dataclass
class _Always:
    """An answer that would mean nothing if it never changed."""

    first: Finding | None = None
    otherwise: bool = False


@dataclass
class _Judgement:
    """The first counterexample to each law at each place."""

    book: Book
    found: dict[tuple[str, Path], Finding] = field(default_factory=dict)
    always: dict[tuple[str, Path], _Always] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tell = Telling(self.book)

    def findings(self) -> Iterator[Finding]:
        yield from self.found.values()
        for key, one in self.always.items():
            if one.first is not None and not one.otherwise and key not in self.found:
                yield one.first

    def see(self, walked: Walked) -> None:
        """Judge a run in which everything was done."""
        self._untouched(walked.start)
        for one in self._of(walked):
            self.found.setdefault((one.law, one.path), one)

    def see_left(self, walked: Walked, whole: Walked) -> None:
        """Judge the same run with an optional step left undone: what is wrong only then needed that step."""
        names = " and ".join(sorted(walked.left))
        for one in self._of(walked):
            key = (one.law, one.path)
            if one.blocks and key not in self.found:
                self._needed(one.path, f"{one.headline}, when {names} is left undone", one.story, names)
        if walked.stopped is not None and whole.stopped is None:
            path, look = walked.stopped
            step = self.book.runbook.steps[int(path[1])]
            headline = f"{step.id} cannot be sent when {names} is left undone"
            story = [*self._trail(walked, len(walked.sent))]
            if path[-1] == "conflict_if" and step.conflict_if is not None:
                said = self.book.said(step.conflict_if, look)
                story.append(self.tell.answer(f"conflict_if of {step.id}", step.conflict_if, said))
            self._needed(path, headline, tuple(story), names)

    def _needed(self, path: Path, headline: str, story: tuple[str, ...], names: str) -> None:
        made = Finding(
            law="optional_needed", path=path, headline=headline,
            story=(*story[:2], f"{names} is optional and is left undone", *story[2:]),
        )  # fmt: skip
        self.found.setdefault((made.law, made.path), made)

    def _of(self, walked: Walked) -> Iterator[Finding]:
        for number, sent in enumerate(walked.sent):
            yield from self._probe(sent, walked, number)
            yield from self._checks(sent, walked, number)
            yield from self._preconditions(sent, walked, number)
        for undo in walked.undone:
            number = next(
                n for n, s in enumerate(walked.sent) if s.after is undo.before and s.step == undo.step
            )
            yield from self._probe(undo, walked, number)
            yield from self._checks(undo, walked, number)
            yield from self._restored(walked.sent[number], undo, walked, number)
        if walked.stopped is None:
            yield from self._completion(walked)

    # stories

    def _trail(self, walked: Walked, upto: int) -> Iterator[str]:
        """What happened up to (and without) that write."""
        yield from self.tell.beginning(walked.start)
        for sent in walked.sent[:upto]:
            yield from self._done(sent)

    def _done(self, sent: Sent) -> Iterator[str]:
        yield self.tell.sent(sent.name, sent.contract.name, sent.arguments)
        yield f"then {self.tell.state(sent.start, sent.after)}"

    def _story(self, sent: Sent, walked: Walked, number: int, *, applied: bool) -> Iterator[str]:
        yield from self._trail(walked, number + sent.undo)
        if applied:
            yield from self._done(sent)
        else:
            yield f"{sent.name} was not applied: nothing has changed"

    def _finding(
        self,
        law: str,
        path: Path,
        headline: str,
        story: Iterable[str],
        answers: Iterable[tuple[str, str, str]],
    ) -> Finding:
        told = (*story, *(self.tell.answer(*one) for one in answers))
        return Finding(law=law, path=path, headline=headline, story=told)

    # probes

    def _probe(self, sent: Sent, walked: Walked, number: int) -> Iterator[Finding]:
        probe = sent.probe
        if probe is None:
            return
        path = (*sent.path, "probe")
        texts = {"applied_when": probe.applied_when, "absent_when": probe.absent_when}
        for applied in (False, True):
            look = sent.look(sent.after if applied else sent.before)
            said = {name: self.book.said(text, look) for name, text in texts.items()}
            if Said.TRUSTED in said.values():
                continue
            for law, headline in self._probe_laws(sent, said, applied=applied):
                at = (*path, "absent_when" if law == "probe_absent_after_applying" else "applied_when")
                story = self._story(sent, walked, number, applied=applied)
                answers = [(n, texts[n], said[n].value) for n in texts]
                made = self._finding(law, at, headline, story, answers)
                if law == "probe_applied_before" and sent.contract.sets_state:
                    self.always.setdefault((law, at), _Always(first=made))
                else:
                    yield made
            if not applied and sent.changed and said["applied_when"] is Said.FALSE:
                key = ("probe_applied_before", (*path, "applied_when"))
                self.always.setdefault(key, _Always()).otherwise = True

    def _probe_laws(
        self, sent: Sent, said: Mapping[str, Said], *, applied: bool
    ) -> Iterator[tuple[str, str]]:
        says_applied, says_absent = (said[n] is Said.TRUE for n in ("applied_when", "absent_when"))
        if says_applied and says_absent:
            when = "after it was applied" if applied else "before it is sent"
            yield "probe_contradicts", f"the probe of {sent.name} says applied and absent at once, {when}"
        if not sent.changed:
            return  # nothing shows whether it was applied, and by its model nothing is different
        if applied and says_absent:
            yield "probe_absent_after_applying", f"the probe of {sent.name} says absent after it was applied"
        elif applied and not says_applied:
            yield "probe_blind", f"the probe of {sent.name} does not say applied after it was applied"
        if not applied and says_applied:
            yield "probe_applied_before", f"the probe of {sent.name} says applied before anything was sent"

    # checks

    def _checks(self, sent: Sent, walked: Walked, number: int) -> Iterator[Finding]:
        checks = sent.verify if isinstance(sent.verify, tuple) else ()
        after, before = sent.look(sent.after), sent.look(sent.before)
        for check in checks:
            said = self.book.said(check.expect, after)
            law = {Said.FALSE: "check_fails_after_applying", Said.UNKNOWN: "expression_unknown"}.get(said)
            if law is not None:
                headline = f"{check.id} does not pass after {sent.name} was applied"
                story = self._story(sent, walked, number, applied=True)
                yield self._finding(
                    law,
                    self._check_path(sent, check),
                    headline,
                    story,
                    [(check.id, check.expect, said.value)],
                )
        passes = bool(checks) and all(self.book.said(c.expect, before) is Said.TRUE for c in checks)
        if passes and sent.changed and not self._already_so(sent, [c.expect for c in checks]):
            headline = f"the checks of {sent.name} pass on a target that it has not touched"
            story = self._story(sent, walked, number, applied=False)
            answers = [(c.id, c.expect, "true") for c in checks]
            yield self._finding("check_passes_untouched", (*sent.path, "verify"), headline, story, answers)

    def _already_so(self, sent: Sent, texts: list[str]) -> bool:
        """Whether what the step is for was so before it, by what it sets or by its probe's own word."""
        if not self.book.sets(sent.contract, *texts):
            return False
        if self.book.alike(sent.start, sent.before, sent.after, self.book.fields_read(*texts)):
            return True
        probe = sent.probe
        return probe is not None and self.book.said(probe.applied_when, sent.look(sent.before)) is Said.TRUE

    def _check_path(self, sent: Sent, check: Check) -> Path:
        checks = sent.verify if isinstance(sent.verify, tuple) else ()
        return (*sent.path, "verify", checks.index(check), "expect")

    # undo

    def _restored(self, done: Sent, undo: Sent, walked: Walked, number: int) -> Iterator[Finding]:
        path = (*undo.path, "tool")
        checks = done.verify if isinstance(done.verify, tuple) else ()
        undone = [self.book.said(c.expect, done.look(undo.after)) for c in checks]
        before = [self.book.said(c.expect, done.look(done.before)) for c in checks]
        story = self._story(undo, walked, number, applied=True)
        if undone and set(undone) == {Said.TRUE} and Said.FALSE in before:
            headline = f"undoing {done.name} leaves its effect: its checks still pass"
            yield self._finding(
                "undo_keeps_effect", path, headline, story, [(c.id, c.expect, "true") for c in checks]
            )
            return
        fields = self._to_restore(done, undo)
        if fields and not self.book.alike(done.start, done.before, undo.after, fields):
            names = ", ".join(sorted(name for _, name in fields))
            headline = f"undoing {done.name} does not bring back what was before it ({names})"
            yield self._finding("undo_keeps_effect", path, headline, story, [])

    def _to_restore(self, done: Sent, undo: Sent) -> frozenset[tuple[str, str]]:
        """What some check looks at, the step adds to, and the undo does not merely count on."""
        book = self.book.runbook
        undo_checks = undo.verify if isinstance(undo.verify, tuple) else ()
        asked = [c.expect for c in (*done.step.checks, *undo_checks, *book.completion)]
        forward, back = done.contract.model or {}, undo.contract.model or {}
        return frozenset(
            (tool, name)
            for tool, name in self.book.fields_read(*asked)
            if (text := forward.get(tool, {}).get(name)) is not None
            and depends_on_before(text)
            and back.get(tool, {}).get(name) not in (None, text)
        )

    # the run as a whole

    def _preconditions(self, sent: Sent, walked: Walked, number: int) -> Iterator[Finding]:
        if sent is walked.sent[-1]:
            return  # asked before a write, and none follows
        for index, condition in enumerate(self.book.runbook.preconditions):
            if condition.tool is None and condition.for_each is None:
                said = self.book.said(condition.expect, Look(start=walked.start, shown=sent.after))
                if said is Said.FALSE:
                    later = walked.sent[number + 1].name
                    headline = f"{sent.name} makes {condition.id} false, so {later} is never sent"
                    story = self._story(sent, walked, number, applied=True)
                    yield self._finding(
                        "precondition_undone", ("preconditions", index, "expect"), headline, story,
                        [(condition.id, condition.expect, said.value)],
                    )  # fmt: skip

    def _completion(self, walked: Walked) -> Iterator[Finding]:
        if not walked.sent:
            return
        for index, check in enumerate(self.book.runbook.completion):
            if check.of_step in walked.left:
                continue
            said = [
                self.book.said(check.expect, Look(start=walked.start, shown=shown)) for shown in walked.states
            ]
            law = {Said.FALSE: "completion_fails", Said.UNKNOWN: "expression_unknown"}.get(said[-1])
            if law is None:
                continue
            headline = f"{check.id} does not pass although every step was applied"
            held = max((n for n, one in enumerate(said) if one is Said.TRUE), default=0)
            if law == "completion_fails" and held:
                law, done, undid = "steps_fight", walked.sent[held - 1].name, walked.sent[held].name
                headline = f"{undid} takes away what {check.id} needs, and {done} had brought about"
            yield self._finding(
                law, ("completion", index, "expect"), headline, self._trail(walked, len(walked.sent)),
                [(check.id, check.expect, said[-1].value)],
            )  # fmt: skip

    def _untouched(self, start: Start) -> None:
        book = self.book.runbook
        if book.completion_passes_unchanged is not None or not any(
            items is None or items for items in start.items.values()
        ):
            return
        if self._assumed() & {
            tool for tool, _ in self.book.fields_read(*(c.expect for c in book.completion))
        }:
            return  # a precondition of its own reads the same tool, and might not hold here
        look = Look(start=start, shown=start.shown)
        if all(self.book.said(check.expect, look) is Said.TRUE for check in book.completion):
            path: Path = ("completion",)
            answers = [(c.id, c.expect, "true") for c in book.completion]
            headline = "a run that sends nothing passes the completion"
            made = self._finding(
                "completion_passes_untouched", path, headline, self.tell.beginning(start), answers
            )
            self.found.setdefault((made.law, path), replace(made, story=made.story))

    def _assumed(self) -> set[str]:
        conditions = self.book.runbook.preconditions
        return {c.tool for c in conditions if c.tool is not None} | {
            tool for c in conditions if c.for_each is not None for tool, _ in self.book.fields_read(c.expect)
        }

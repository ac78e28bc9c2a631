import base64
import json
import pickle
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.scrub import MARK, Scrubber, clean, one_line, scrub, scrub_value
from tools.secrets import Secret

CANARY = "c4nary/Value+42=xyz"


@pytest.mark.parametrize(
    "text",
    [
        f"sent {CANARY} there",
        "b64 " + base64.b64encode(CANARY.encode()).decode(),
        "b64url " + base64.urlsafe_b64encode(CANARY.encode()).decode(),
        "basic-like " + base64.b64encode(b"user:" + CANARY.encode()).decode(),
        "basic-like " + base64.b64encode(b"me:" + CANARY.encode() + b":more").decode(),
        "hex " + CANARY.encode().hex(),
        "HEX " + CANARY.encode().hex().upper(),
        "url " + quote(CANARY, safe=""),
        "url in lower case " + re.sub("%..", lambda found: found[0].lower(), quote(CANARY, safe="")),
        "url in full " + "".join(f"%{byte:02x}" for byte in CANARY.encode()),
        "URL IN FULL " + "".join(f"%{byte:02X}" for byte in CANARY.encode()),
        "url in part " + "%63" + CANARY[1:],
        "url twice " + quote(quote(CANARY, safe=""), safe=""),
        "json " + CANARY.replace("/", "\\/"),
        "json in full " + "".join(f"\\u{byte:04X}" for byte in CANARY.encode()),
        "python in full " + "".join(f"\\x{byte:02x}" for byte in CANARY.encode()),
        "html in full " + "".join(f"&#{byte};" for byte in CANARY.encode()),
        "HTML IN FULL " + "".join(f"&#x{byte:X};" for byte in CANARY.encode()),
        "split over lines " + CANARY[:6] + "\n  " + CANARY[6:],
        "mime " + base64.encodebytes(b"." * 50 + CANARY.encode()).decode(),
        "HEX IN COLUMNS " + CANARY.encode().hex(" ").upper(),
        "split by a control " + CANARY[:6] + "\x1b[31m" + CANARY[6:],
        "split by zero width " + CANARY[:6] + "\u200b" + CANARY[6:],
    ],
)
def test_a_live_secret_leaves_in_no_form(text):
    out = scrub(text, secrets=[Secret("canary", CANARY)])
    assert MARK in out
    for piece in (CANARY, CANARY[4:], CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode()[:12]):
        assert piece.lower() not in out.lower()
    assert scrub(out, secrets=[Secret("canary", CANARY)]) == out


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ('{"password": "hunter two"}', "hunter"),
        ("GET /x?api_key=KEY12345&y=1", "KEY12345"),
        ("db_password='s3cret pw' rest", "s3cret"),
        ("Set-Cookie: sid=1234567; Path=/", "1234567"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF", "eyJzdWI"),
        ("AKIAABCDEFGHIJKLMNOP", "ABCDEFGH"),
        ("postgres://user:pa55word@host/db", "pa55word"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "MIIE"),
        ("token ghp_" + "a" * 36, "aaaa"),
    ],
)
def test_what_looks_like_a_credential_leaves(text, gone):
    out = scrub(text)
    assert gone not in out
    assert MARK in out
    assert scrub(out) == out


@pytest.mark.parametrize(
    "text", ["2 checks pass: healthy", "tokens: 12 of 20000 used", "state RUNNING start 21:11:58 pid 5120"]
)
def test_ordinary_words_stay(text):
    assert scrub(text) == text


def test_terminal_and_direction_tricks_are_stripped_and_one_line_stays_one():
    assert clean("a\x1b[2Jb\x1b]0;title\x07c\u202ed\u2066e\x00f\x07\r") == "abcdef"
    assert one_line("first\nFORGED entry\r\nthird") == "first FORGED entry third"
    assert clean("x" * 50, limit=10) == "x" * 9 + "…"
    assert len(one_line("y" * 10_000)) == 300


def test_a_value_is_scrubbed_by_its_key_names_too():
    out = scrub_value(
        {"user": "dana", "db_password": 12345, "nested": [{"Authorization": "x"}], "note": f"is {CANARY}"},
        secrets=[CANARY],
    )
    assert out == {
        "user": "dana",
        "db_password": MARK,
        "nested": [{"Authorization": MARK}],
        "note": f"is {MARK}",
    }
    assert scrub_value({"tokens": 5, "key": "run/step/1"}) == {"tokens": 5, "key": "run/step/1"}


def test_one_form_of_a_secret_hides_no_other():
    forms = [CANARY, CANARY[:5] + "\n" + CANARY[5:], CANARY.encode().hex(), CANARY.encode().hex(" "), CANARY]
    out = scrub(" and ".join(forms), secrets=[CANARY])
    assert out == " and ".join([MARK] * len(forms))


def test_a_secret_of_two_words_leaves_whole_and_by_its_second():
    for text in ("Bearer zQ9-tok", "Bearer\nzQ9-tok", "zQ9-tok", "Bearer%20zQ9-tok", "Bearer+zQ9%2dtok"):
        out = scrub(text, secrets=["Bearer zQ9-tok"])
        assert "tok" not in out
    assert scrub("the bearer of news", secrets=["Bearer zQ9-tok"]) == "the bearer of news"


def test_what_a_human_says_is_one_line_a_field_and_evidence_a_text():
    said = {
        "reason": f"a\n{CANARY}",
        "evidence": f"a\n{CANARY}\x1b[2J",
        "words": {"stop/1": "applied"},
        "n": 3,
    }
    assert Scrubber(lambda: [CANARY]).said(said) == {
        "reason": f"a {MARK}", "evidence": f"a\n{MARK}", "words": {"stop/1": "applied"}, "n": 3,
    }  # fmt: skip


def test_the_scrubber_learns_of_secrets_as_they_are_resolved():
    live = set()
    scrubber = Scrubber(lambda: live)
    assert CANARY in scrubber.line(f"x {CANARY}")
    assert not scrubber.holds(f"x {CANARY}")
    live.add(CANARY)
    assert scrubber.holds(f"x {CANARY}")
    assert not scrubber.holds("token=x")
    assert CANARY not in scrubber.line(f"x {CANARY}") + scrubber.text(CANARY) + json.dumps(
        scrubber.value([CANARY])
    )


def test_hostile_input_costs_no_more_than_its_length():
    for text in (
        "password=" * 20_000,
        "\x1b]" * 50_000,
        "a-" * 100_000 + "token=",
        "eyJ" * 60_000,
        "-----BEGIN PRIVATE KEY-----" * 5000,
    ):
        scrub(text)


@given(
    st.binary(max_size=9),
    st.binary(max_size=9),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_a_secret_inside_a_longer_encoded_text_leaves(before, after, encode):
    text = encode(before + CANARY.encode() + after).decode()
    out = scrub(text, secrets=[Secret("canary", CANARY)])
    assert MARK in out
    assert len(out.replace(MARK, "")) < len(text) - len(CANARY)


@given(st.text(max_size=200))
def test_any_text_is_scrubbed_once_and_for_all(text):
    once = scrub(text, limit=150)
    assert len(once) <= 150
    assert scrub(once, limit=150) == once


def test_pickles_of_secrets_hold_no_value():
    assert CANARY.encode() not in pickle.dumps(Secret("canary", CANARY))


HIDDEN = "zQ9-Kx7/Wv3+Ju5=Pt1"
WAYS = (
    HIDDEN,
    base64.b64encode(HIDDEN.encode()).decode(),
    HIDDEN.encode().hex(),
    quote(HIDDEN, safe=""),
    "".join(f"%{byte:02X}" for byte in HIDDEN.encode()),
    "".join(f"\\u{byte:04x}" for byte in HIDDEN.encode()),
    "".join(f"&#{byte};" for byte in HIDDEN.encode()),
    " ".join(HIDDEN),
)


def begins(out, way):
    """How many characters of the beginning of a form stand at the end of what is left, or anywhere in it."""
    kept = "".join(out.replace(MARK, "").rstrip("…").split())
    packed = "".join(way.split())
    return next((n for n in range(len(packed), 0, -1) if packed[:n] in kept), 0)


@given(
    st.sampled_from(WAYS),
    st.integers(min_value=0, max_value=1500),
    st.sampled_from(["_", "\x00", "\u200b", "_\x1b[31m"]),
    st.integers(min_value=20, max_value=400),
    st.booleans(),
)
def test_a_cut_leaves_no_beginning_of_a_secret(way, before, filler, limit, line):
    text = filler * before + way + "_" * 2_000
    out = (one_line if line else scrub)(text, secrets=[HIDDEN], limit=limit)
    assert len(out) <= limit
    assert begins(out, way) == 0, out[-60:]


@given(
    st.sampled_from(WAYS), st.integers(min_value=1, max_value=120), st.integers(min_value=30, max_value=90)
)
def test_what_was_cut_by_somebody_who_knew_no_secret_is_cut_further(way, kept, before):
    cut = "_" * before + way[:kept] + "…"
    out = scrub(cut, secrets=[HIDDEN])
    assert begins(out, way) == 0, out
    assert scrub(out, secrets=[HIDDEN]) == out


def test_what_is_too_long_to_be_looked_through_is_cut_before_a_secret():
    for hidden in ("\x00", "\u200b"):
        text = hidden * 65_530 + HIDDEN
        assert begins(scrub(text, secrets=[HIDDEN], limit=300), HIDDEN) == 0

"""Answers to requests: which pages there are, who may see them, and what has changed since somebody last asked.

Reading only. How answers travel belongs to `server.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from markupsafe import Markup

from dessine.live import found
from dessine.live.pieces import Pieces, address, card, piece, state, title_of
from dessine.live.planned import grid
from dessine.live.shelf import FIRST_REPEAT, Missing, Seen, Shelf
from dessine.reports import joined, section, table
from dessine.reports.run_page import LARGEST_PICTURE, WIDE
from dessine.reports.shell import STYLE, served, slider
from dessine.runs.collection import WORST_FIRST
from dessine.runs.comparison import count_of, differences, shown

HERE = Path(__file__).parent
CARDS = 120
"""Of a list, as many at a time."""
FRESH = 0.4
"""Seconds for which a list answers everybody alike; of many runs for longer, so that looking takes a small share of a core."""
SHARE = 0.1
"""Of a core, at most."""
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer: a page may load nothing from elsewhere, and stand in no other page; no other page may read it."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
GONE = "It is no longer there: it was removed or renamed. What you see is the last that was read."


Headers = Mapping[str, str] | Message


@dataclass(frozen=True)
class Answer:
    """What goes back. headers: besides those of every answer"""

    status: int
    kind: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """Everything that can be asked of a watch.

    hosts: names by which it may be called, besides loopback and plain numbers; token: what a visitor must have, if anything
    """

    def __init__(self, shelf: Shelf, hosts: tuple[str, ...] = (), token: str | None = None):
        self.shelf, self.pieces = shelf, Pieces(shelf)
        self.hosts, self.token, self.cookie = {host.lower() for host in hosts}, token, f"dessine_watch_{secrets.token_hex(4)}"
        self._lists: dict[str, Listing] = {}
        self._lock = threading.Lock()

    def answer(self, target: str, headers: Headers) -> Answer:
        """To a GET of `target`, the path with its query."""
        if refused := self._refused(headers):
            return refused
        path, _, query = target.partition("?")
        try:
            asked = parse_qs(query, errors="surrogateescape", max_num_fields=20)
        except ValueError:
            return _text(400, "No page of dessine watch is asked so much at once.")
        if self.token is not None and (told := self._unknown(path, asked, headers)):
            return told
        parts = unquote(path, errors="surrogateescape").strip("/").split("/")
        try:
            made = self._answer(parts, {key: values[-1] for key, values in asked.items()})
        except Missing:
            return _page(404, "Not here", NOT_HERE)
        tag = made.headers.get("ETag")
        if tag and headers.get("If-None-Match") == tag:
            return Answer(304, made.kind, b"", made.headers)
        return made

    def _refused(self, headers: Headers) -> Answer | None:
        """What comes from another site: by a name that was made to lead here, from its page, or into one of its pages."""
        host = headers.get("Host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not (name in LOOPBACK or name in self.hosts or _is_number(name)):
            return _text(403, "dessine watch answers to its own address alone, as it was printed.")
        origin = headers.get("Origin")
        if origin is not None and origin.lower() != f"http://{host}".lower():
            return _text(403, "dessine watch answers to its own pages alone.")
        if headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and headers.get("Sec-Fetch-Mode") != "navigate":
            return _text(403, "dessine watch answers to its own pages alone.")
        return None

    def _unknown(self, path: str, asked: dict[str, list[str]], headers: Headers) -> Answer | None:
        """Of a visitor without the token: a refusal. One who brings it in the address goes on with a cookie in its place."""
        wanted = (self.token or "").encode()
        if "token" in asked:
            if not hmac.compare_digest(asked["token"][-1].encode(errors="replace"), wanted):
                return _text(403, NO_TOKEN)
            cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Lax"
            return Answer(303, "text/plain", b"", {"Location": "/" + path.lstrip("/\\"), "Set-Cookie": cookie})
        for one in headers.get("Cookie", "").split(";"):
            name, _, value = one.strip().partition("=")
            if name == self.cookie and hmac.compare_digest(value.encode(errors="replace"), wanted):
                return None
        return _text(403, NO_TOKEN)

    def _answer(self, parts: list[str], asked: dict[str, str]) -> Answer:
        """Raises Missing."""
        match parts:
            case [""]:
                return self._front()
            case ["watch.css"]:
                return _tagged("text/css", (STYLE + (HERE / "watch.css").read_text(encoding="utf-8")).encode())
            case ["watch.js"]:
                return _tagged("text/javascript", (HERE / "watch.js").read_bytes())
            case ["run", *name]:
                return self._run_page("/".join(name))
            case ["beside"]:
                return self._beside(asked.get("a", ""), asked.get("b", ""))
            case ["api", "list"]:
                return self._list("", asked.get("since", ""))
            case ["api", "list", *name]:
                return self._list("/".join(name), asked.get("since", ""))
            case ["api", "run", *name]:
                return self._run("/".join(name))
            case ["file", *name, file] if len(name) > 1:
                return self._picture(name, file)
        raise Missing("/".join(parts))

    def _front(self) -> Answer:
        if self.shelf.only is not None:
            return self._run_page(self.shelf.only.name)
        return _page(200, "Runs", _list_body("Runs", "", plain=True))

    def _run_page(self, name: str) -> Answer:
        seen = self.shelf.see(name)
        above = self._above(name)
        if seen.row.kind == "sweep":
            return _page(200, title_of(seen), above + _list_body(title_of(seen), name, plain=False))
        return _page(200, title_of(seen), above + RUN_PAGE.format(page="run", runs=_run_body(seen, "at")))

    def _above(self, name: str) -> Markup:
        """The way back: all runs, and the sweep that a cell is of."""
        links = [] if self.shelf.only is not None else [LINK.format("/", "All runs")]
        sweep, cells, _ = name.partition("/cells/")
        if cells:
            links.append(LINK.format(address("run", sweep), sweep))
        return Markup("<nav>{}</nav>\n").format(Markup(" › ").join([*links, name.rpartition("/")[2]])) if links else Markup()

    def _beside(self, a: str, b: str) -> Answer:
        two = [self.shelf.see(name) for name in (a, b)]
        if any(seen.row.kind == "sweep" for seen in two):
            raise Missing(a)
        differ = differences([seen.row.spec for seen in two])
        rows = [[key, *(shown(v) for v in values)] for key, values in differ.items()]
        told = table(["", *(title_of(seen) for seen in two)], rows, numbers_from=9) if rows else SAME
        runs = joined(_run_body(seen, f"at{i}") for i, seen in enumerate(two))
        body = RUN_PAGE.format(page="two", runs=BESIDE.format(runs=runs, differ=section("What differs in their configs", told)))
        return _page(200, " | ".join(title_of(seen) for seen in two), self._above("side by side") + body)

    def _run(self, name: str) -> Answer:
        try:
            told = self.pieces.of(name)
        except Missing:
            told = json.dumps({"gone": GONE}).encode()
        return _tagged("application/json", told)

    def _list(self, name: str, since: str) -> Answer:
        with self._lock:
            listing = self._lists.setdefault(name, Listing(self.shelf, name))
            if len(self._lists) > 50:  # of sweeps that somebody has looked at
                self._lists = {name: listing}
        try:
            told = listing.since(since)
        except Missing:
            told = {"gone": GONE}
        return _tagged("application/json", json.dumps(told).encode())

    def _picture(self, parts: list[str], file: str) -> Answer:
        cell = len(parts) > 3 and parts[1] == "cells"  # a run has no such folder
        name, part = "/".join(parts[: 3 if cell else 1]), "/".join(parts[3 if cell else 1 :])
        if part not in PARTS:
            raise Missing(file)
        content = self.shelf.picture(name, part, file, LARGEST_PICTURE)
        kind = "image/gif" if content.startswith(b"GIF") else "image/png"
        return Answer(200, kind, content, {"Cache-Control": "private, max-age=86400"})  # its address changes when it does


PARTS = ("samples", f"{FIRST_REPEAT}/samples", "plots", "eval", "eval/best")
"""Of a run's folder: where the pictures lie that a page shows."""


class Listing:
    """The cards of a list, each with the number of the change that it came with. name: of the sweep whose cells they are"""

    def __init__(self, shelf: Shelf, name: str):
        self.shelf, self.name = shelf, name
        self._boot, self._number, self._stale = secrets.token_hex(4), 0, 0.0
        self._cards: dict[str, tuple[int, Any, str, str]] = {}  # change, what it was made of, status, HTML
        self._order: list[str] = []
        self._ordered, self._head, self._columns = 0, "", None if name else 0
        self._found, self._found_at = "", 0  # what a sweep has found, and the change that it came with
        self._found_of: Hashable = None
        self._lock = threading.Lock()

    def since(self, stamp: str) -> dict[str, Any]:
        """What has changed since the answer with this stamp; everything for a stranger's. Raises Missing."""
        with self._lock:
            if time.monotonic() >= self._stale:
                began = time.monotonic()
                self._look()
                now = time.monotonic()
                self._stale = now + max(FRESH, min(5.0, (now - began) / SHARE))
            boot, _, number = stamp.partition("-")
            known = int(number) if boot == self._boot and number.isdecimal() and len(number) < 16 else -1
            changed = [[name, *self._cards[name][2:]] for name in self._order if self._cards[name][0] > known]
            told: dict[str, Any] = {"stamp": f"{self._boot}-{self._number}", "cards": changed, "columns": self._columns}
            told["names"] = self._order if self._ordered > known else None
            if self._found_at > known:
                told["found"] = self._found
            return told | ({"head": self._head} if self.name else {})

    def _look(self) -> None:
        entries = self._cells() if self.name else [(seen.row.name, seen, "") for seen in self.shelf.all()]
        number = self._number + 1
        cards = {}
        for name, seen, label in entries:
            mark = (label, seen and seen.mark)
            old = self._cards.get(name)
            if old is not None and old[1] == mark:
                cards[name] = old
            elif seen is None:
                cards[name] = (number, mark, "planned", PLANNED.format(label=label))
            else:
                cards[name] = (number, mark, seen.row.status, card(seen, label))
        order = list(cards)
        if order != self._order:
            self._ordered = number
        if order != self._order or cards != self._cards or self._found_at == number:
            self._number = number
        self._cards, self._order = cards, order

    def _cells(self) -> list[tuple[str, Seen | None, str]]:
        sweep = self.shelf.see(self.name)
        if sweep.row.kind != "sweep":
            raise Missing(self.name)
        plan = grid(sweep)
        waiting = sum(place.cell is None for place in plan.places)
        told = ", ".join(
            [*([count_of(sweep.row.cells)] if sweep.row.cells else []), *([f"{waiting:,} to come"] if waiting else [])]
        )
        made = sweep.row.cells.get("completed", 0)
        self._head = str(HEAD.format(state=state(sweep.row.status, told), of=max(1, len(plan.places)), made=made))
        if sweep.row.reason:
            self._head += str(Markup('<p class="bad">{}</p>').format(sweep.row.reason))
        self._columns = plan.columns
        if (mark := found.mark(sweep)) != self._found_of:
            self._found_of, self._found_at = mark, self._number + 1
            self._found = piece("found", lambda: found.found(sweep))
        return [
            (place.cell.row.name if place.cell else f"{self.name}/plan/{i}", place.cell, place.label)
            for i, place in enumerate(plan.places)
        ]


HEAD = Markup('{state}<progress max="{of}" value="{made}" aria-label="Runs completed"></progress>')
PLANNED = Markup("""<span class="thumb"><span class="none">not begun</span></span>
<div class="about"><h3>{label}</h3></div>""")
LINK = Markup('<a href="{}">{}</a>')
SAME = Markup('<p class="quiet">Nothing.</p>')
NOT_HERE = Markup("""<div id="watch"><h1>Not here</h1>
<p>There is no such run, sweep or page: it may have been removed or renamed.</p>
<p><a href="/">All that is watched</a></p></div>""")
NO_TOKEN = "This watch is open to who has its token: use the address that dessine watch has printed."
RUN_PAGE = Markup("""<p id="banner" role="status" hidden></p>
<div id="watch" data-page="{page}">
{runs}
</div>""")
BESIDE = Markup("""<div class="bar"><label><input type="checkbox" id="both" checked> Move both sliders together</label></div>
<div class="two">
{runs}
</div>
{differ}""")
RUN = Markup("""<div class="run" data-from="{source}">
<p class="note" role="status" hidden></p>
<div data-piece="head">{head}</div>
<noscript><p class="bad">This page needs JavaScript; dessine runs report makes one that does not.</p></noscript>
<div class="first">
<section class="samples" data-wide="{wide}" hidden><h2>What it draws</h2>
<div data-piece="how"></div>
{slider}
<figure><img alt="Samples"></figure>
<p><button type="button" class="play">Play</button> <button type="button" class="newest" hidden>To the newest</button></p>
</section>
<div data-piece="verdict"></div>
</div>
<div data-piece="curves"></div>
<div data-piece="results"></div>
<div data-piece="pictures"></div>
<div data-piece="eval"></div>
<div data-piece="log"></div>
<div data-piece="config"></div>
<div data-piece="networks"></div>
<div data-piece="origin"></div>
</div>""")
LIST = Markup("""<p id="banner" role="status" hidden></p>
<div id="watch" data-page="list" data-from="{source}">
<h1>{title} <span id="count" class="quiet"></span></h1>
<p id="gone" class="note" role="status" hidden></p>
<div id="head"></div>
<div class="bar"><input type="search" id="words" placeholder="Filter by name or number" aria-label="Filter">
<select id="status" aria-label="State"><option value="">every state</option>{states}</select>
<a id="beside" class="button" hidden></a></div>
<p id="none" class="quiet" hidden>{none}</p>
<p id="nothing" class="quiet" hidden>Nothing here fits the filter.</p>
<div id="list" class="cards {kind}" data-most="{most}"></div>
<p><button type="button" id="more" hidden></button></p>
<div id="found"></div>
<noscript><p class="bad">This page needs JavaScript; dessine runs list tells the same in a terminal.</p></noscript>
</div>""")
OPTION = Markup('<option value="{0}">{0}</option>')
NONE_YET = "No run yet. Start one, and it comes here by itself: dessine train configs/gan_ring.yaml"


def _list_body(title: str, name: str, plain: bool) -> Markup:
    return LIST.format(
        source=address("api", "list", *([name] if name else [])),
        title=title,
        states=Markup().join(OPTION.format(one) for one in WORST_FIRST),
        none=NONE_YET if plain else "No run of this sweep yet.",
        kind="plain" if plain else "grid",
        most=CARDS if plain else 2000,
    )


def _run_body(seen: Seen, at: str) -> Markup:
    name = seen.row.name
    return RUN.format(
        source=address("api", "run", name),
        wide=WIDE,
        slider=slider(0, "", at),
        head=Markup("<header><h1>{}</h1></header>").format(title_of(seen)),
    )


def _page(status: int, title: str, body: Markup) -> Answer:
    made = served(title, body, "/watch.css", "/watch.js" if status == 200 else "")
    return Answer(status, "text/html", made.encode(errors="replace"), {"Cache-Control": "no-store"})


def _text(status: int, text: str) -> Answer:
    return Answer(status, "text/plain", f"{text}\n".encode(), {"Cache-Control": "no-store"})


def _tagged(kind: str, body: bytes) -> Answer:
    """What a browser asks for again and again: nothing is sent where it has not changed."""
    return Answer(200, kind, body, {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(body).hexdigest()[:24]}"'})


def _is_number(host: str) -> bool:
    """Whether it is an IP address: no name that somebody else could make lead here."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True

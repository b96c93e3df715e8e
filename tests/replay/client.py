"""Every recording through the running gateway, on every surface: what comes out says what went in, is counted
as it says, and costs what that costs.

usage: client.py    with BASE_URL, KEY and LOG (the gateway's request lines) in the environment; SURFACES and KINDS
                    leave out surfaces and wire formats, SPELLED=otherwise is for recordings.py
"""

import collections
import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

import oracle
import recordings

BASE = urllib.parse.urlsplit(os.environ["BASE_URL"])
THREADS = 4
CUTS = [0, 1, 7, 64]  # whole, by events, in bytes
# Dollars a million tokens, in nano-dollars a token: fresh, cached, written, output.
PRICES = (150, 75, 187.5, 600)
SHOWN_MAX = 40
# Fewer than there are: less, and some were not found.
RECORDINGS_MIN = 2_500
# The log is written behind the answers.
LOG_PATIENCE = 20


def asked(surface, model, stream):
    """Path and body of a small request of this surface."""
    if surface == "chat":
        body = {"model": model, "messages": [{"role": "user", "content": "x"}], "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        return "/v1/chat/completions", body
    if surface == "responses":
        return "/v1/responses", {"model": model, "input": "x", "stream": stream}
    if surface == "messages":
        message = {"role": "user", "content": "x"}
        return "/v1/messages", {"model": model, "max_tokens": 99, "messages": [message], "stream": stream}
    if surface == "interactions":
        return "/v1beta/interactions", {"model": model, "input": "x", "stream": stream}
    if surface == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    verb = "converse-stream" if stream else "converse"
    return f"/bedrock/model/{model}/{verb}", {"messages": [{"role": "user", "content": [{"text": "x"}]}]}


def without_cost(value):
    if isinstance(value, dict):
        return {name: without_cost(one) for name, one in value.items() if name != "cost"}
    return [without_cost(one) for one in value] if isinstance(value, list) else value


def shown(surface, usage):
    """Google's surfaces have no word for what is written to a cache: there it is input like any other."""
    fresh, cached, written, output = usage
    return (fresh + written, cached, 0, output) if surface in ("gemini", "interactions") else usage


class Trial:
    """One recording, on one surface."""

    def __init__(self, number, one, surface):
        self.number, self.one, self.surface = number, one, surface
        self.id = None
        self.usage = None
        self.complaints = []

    def name(self):
        return f"{self.one.file} [{self.number}] {self.one.kind} as {self.surface}{' streamed' if self.one.stream else ''}"

    def complain(self, what):
        self.complaints.append(what)

    def run(self, connection):
        one = self.one
        path, body = asked(self.surface, f"via-{one.kind}", one.stream)
        cut = CUTS[self.number % len(CUTS)] + 1
        headers = {
            "authorization": f"Bearer {os.environ['KEY']}",
            "content-type": "application/json",
            "traceparent": f"00-{self.number + 1:032x}-{cut:016x}-01",
        }
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        came = answer.read()
        self.id = answer.headers.get("x-tollgate-request-id")
        if one.status >= 300:
            self.refused(answer.status, came)
        else:
            self.answered(answer, came)

    def refused(self, status, came):
        """An error, in the words of the surface, under the vendor's status or ours for "nobody answered"."""
        expected = {self.one.status, 503}
        if status not in expected:
            self.complain(f"status {status}, expected one of {expected}")
        error = json.loads(came)
        shapes = {
            "messages": lambda: error["type"] == "error" and error["error"]["message"],
            "gemini": lambda: error["error"]["status"] and error["error"]["message"],
            "interactions": lambda: error["error"]["status"] and error["error"]["message"],
            "converse": lambda: error["message"],
        }
        if not shapes.get(self.surface, lambda: error["error"]["message"])():
            self.complain(f"not an error of this surface: {came[:200]}")

    def answered(self, answer, came):
        one = self.one
        recorded = oracle.said(one.kind, one.stream, one.body)
        if answer.status != 200:
            # A stream that fails before its first content is the next candidate's; here there is none.
            begun = recorded.text or recorded.calls or (recorded.whole and not recorded.failed)
            if begun or answer.status not in (502, 503):
                self.complain(f"status {answer.status}: {came[:300]}")
            return
        self.usage = recorded.usage
        if one.kind == self.surface:
            self.same(came)
        if one.choices_matter(recorded, self.surface):
            return
        mine = oracle.said(self.surface, one.stream, came)
        # A stream that has no end was cut, and must not look as if it had one.
        failed = recorded.failed or (one.stream and not recorded.whole)
        if mine.failed != failed:
            self.complain(f"failed: {mine.failed}, recorded {failed}")
        if failed:
            return
        apart = self.surface in ("chat", "responses")
        texts = [(said.text, said.refusal) if apart else said.text + said.refusal for said in (mine, recorded)]
        if texts[0] != texts[1]:
            self.complain(f"text {str(texts[0])[:80]}, recorded {str(texts[1])[:80]}")
        if mine.calls != recorded.calls:
            self.complain(f"calls {str(mine.calls)[:150]}, recorded {str(recorded.calls)[:150]}")
        if recorded.usage and mine.usage != shown(self.surface, recorded.usage):
            self.complain(f"shows usage {mine.usage}, recorded {recorded.usage}")
        if not mine.whole and recorded.whole:
            self.complain("has no end")

    def same(self, came):
        """The vendor's own words reach a client of the same surface as they are, but for the cost."""
        one = self.one
        if not one.stream and came != one.body:
            self.complain("a whole answer was changed on its way")
        if one.stream:
            theirs = list(oracle.events(one.kind, one.body))
            if one.kind != "chat" and theirs[-1][1] is None:
                theirs.pop()  # an end mark that some vendors add and this format does not have
            ours = [(name, without_cost(event)) for name, event in oracle.events(one.kind, came)]
            if ours[: len(theirs)] != [(name, without_cost(event)) for name, event in theirs]:
                self.complain("a stream was changed on its way")

    def counted(self, line):
        """What the gateway counted, and what it asks for it."""
        if self.usage is None:
            return
        fresh, cached, written, output = self.usage
        mine = (line.get("input_tokens"), line.get("cached_tokens", 0), line.get("output_tokens"))
        if mine != (fresh + cached + written, cached, output):
            self.complain(f"counted {mine}, recorded {self.usage}")
        if line.get("usage") != "reported":
            self.complain(f"usage is {line.get('usage')}")
        nanos = sum(price * count for price, count in zip(PRICES, self.usage))
        asked = float(line.get("cost_usd", "nan")) * 1e9
        if not abs(asked - nanos) <= 1:
            self.complain(f"costs {asked} nano-dollars, recorded {nanos}")


def choices_matter(self, recorded, surface):
    """Several answers at once have no words on surfaces that know one."""
    return recorded.choices > 1 and surface not in ("chat", "gemini")


recordings.Recording.choices_matter = choices_matter


def work(queue):
    connection = http.client.HTTPConnection(BASE.hostname, BASE.port, timeout=60)
    while queue:
        trial = queue.pop()
        try:
            trial.run(connection)
        except oracle.Odd:
            pass
        except Exception as error:  # noqa: BLE001: whatever it is, it is this trial's
            trial.complain(f"{type(error).__name__}: {error}")
            connection.close()


def lines_of(trials):
    """The gateway's lines of these, once all are there."""
    expected = {trial.id for trial in trials if trial.id}
    until = time.monotonic() + LOG_PATIENCE
    while True:
        with open(os.environ["LOG"]) as log:
            whole = [line for line in log if line.endswith("\n") and line.strip()]
        lines = {line["id"]: line for line in map(json.loads, whole) if "id" in line}
        if expected <= lines.keys() or time.monotonic() > until:
            return lines
        time.sleep(0.05)


def main():
    surfaces = os.environ.get("SURFACES", ",".join(oracle.READERS)).split(",")
    kinds = os.environ.get("KINDS", ",".join(oracle.READERS)).split(",")
    numbered = [(n, one) for n, one in enumerate(recordings.load()) if one.kind in kinds]
    trials = [Trial(number, one, surface) for number, one in numbered for surface in surfaces]
    queue = trials[::-1]
    threads = [threading.Thread(target=work, args=(queue,)) for _ in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    lines = lines_of(trials)
    for trial in trials:
        if trial.id in lines:
            trial.counted(lines[trial.id])
        elif not trial.complaints:
            trial.complain("left no line in the log")
    wrong = [trial for trial in trials if trial.complaints]
    by_pair = collections.Counter((trial.one.kind, trial.surface) for trial in wrong)
    for trial in wrong[:SHOWN_MAX] if not os.environ.get("ALL") else wrong:
        print(trial.name(), "|", "; ".join(trial.complaints)[:400])
    for pair, count in sorted(by_pair.items()):
        print(f"{pair[0]} as {pair[1]}: {count} wrong")
    if not os.environ.get("KINDS") and len(numbered) < RECORDINGS_MIN:
        sys.exit(f"only {len(numbered)} recordings: some are missing")
    print(f"{len(trials)} trials of {len(numbered)} recordings, {len(wrong)} wrong")
    sys.exit(bool(wrong))


main()

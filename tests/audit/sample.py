"""Writes small audit exports by docs/audit-format.md, with code of its own: material to test a verifier with.

A `Story` is a list of events in two tenants' logs and the deployment's; `build` writes the export that an honest
gateway would have made of it, whole or up to an earlier moment. Whoever changes the story and builds it again does what
a thief of the log's key would do.
"""
import base64
import copy
import hashlib
import json
import os
import random
import shutil
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHUNK = 8  # leaves in a file, so that a small log has files to purge; the format's own number is 65,536
WITNESS = "witness.example/w1"


def sha(data):
    return hashlib.sha256(data).digest()


def line(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def b64(data):
    return base64.b64encode(data).decode()


def root_of(hashes):
    """The Merkle tree hash, as RFC 6962 defines it."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return sha(b"\1" + root_of(hashes[:half]) + root_of(hashes[half:]))


def public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name, algorithm, key):
    return sha(name.encode() + b"\n" + bytes([algorithm]) + public(key))[:4]


def vkey(name, algorithm, key):
    return f"{name}+{key_id(name, algorithm, key).hex()}+{b64(bytes([algorithm]) + public(key))}"


def announcement(name, new, old):
    """The record of a `key` leaf: the key before signs for the new one."""
    text = f"tollgate-audit-key/v1\n{vkey(name, 1, new)}\n"
    signed = f"— {name} {b64(key_id(name, 1, old) + old.sign(text.encode()))}"
    return {"signed": signed, "vkey": vkey(name, 1, new)}


def cost_of(usage, price, tier):
    price = price.get("tiers", {}).get(tier, price)
    prompt = usage["input"] + usage["cached"] + usage["cache_write"] + usage["cache_write_1h"]
    for step in price["long"]:
        if prompt > step["above"]:
            price = step
    paid = sum(usage[side] * price[side] for side in ("input", "cached", "cache_write", "cache_write_1h"))
    said = usage["output"] * price["output"]
    heard, spoken = min(usage.get("audio_input", 0), usage["input"]), min(usage.get("audio_output", 0), usage["output"])
    paid += heard * price.get("audio_input", price["input"]) - heard * price["input"]
    said += spoken * price.get("audio_output", price["output"]) - spoken * price["output"]
    halves = [(2 * side + 10**6) // (2 * 10**6) for side in (paid, said)]
    return {"input": halves[0], "output": halves[1]}


def add_months(months, more):
    for month, models in more.items():
        for model, sums in models.items():
            total = months.setdefault(month, {}).setdefault(model, {})
            for name, amount in sums.items():
                total[name] = total.get(name, 0) + amount


def lost_of(record):
    """What its lost attempts may have cost, for the totals: where there were none, they say nothing of it."""
    most = sum(attempt.get("at_most", 0) for attempt in record.get("attempts", []))
    return {"at_most": most} if most else {}


def at_most_of(attempt, price):
    """What a lost attempt may have cost: the tokens that it is taken to have used, as those of an answer."""
    usage = dict.fromkeys(("cache_write", "cache_write_1h", "cached", "input", "output"), 0)
    usage.update({side: attempt[side] for side in ("input", "output") if side in attempt})
    return sum(cost_of(usage, price, attempt.get("tier")).values())


def saved_of(record, price):
    """What a race that flex has won saved: how much more the standard tier asks for the same."""
    return sum(cost_of(record["usage"], price, None).values()) - sum(record["cost"].values())


def months_of(leaves):
    """What totals.json shows of these leaves: a purge counts for what it dropped."""
    months = {}
    for kind, record in leaves:
        if kind == "purge":
            add_months(months, record["months"])
        if kind in ("request", "lost"):
            usage = record.get("usage", {})
            month = datetime.fromtimestamp(record["started_us"] // 10**6, timezone.utc)
            prompt = sum(usage.get(side, 0) for side in ("input", "cached", "cache_write", "cache_write_1h"))
            cost = sum(record.get("cost", {}).values())
            add_months(months, {f"{month.year}-{month.month:02}": {record.get("model", "-"): {
                **lost_of(record), "cached": usage.get("cached", 0), "cost": cost, "fee": record.get("fee", 0),
                "input": prompt, "output": usage.get("output", 0), "requests": 1}}})
    return months


class Story:
    """What happened, and the keys. `events` are [log, at, kind, record]; `cuts` are moments to export at."""

    def __init__(self, requests=40, seed=None):
        self.random = random.Random(seed)
        self.deployment, self.tenants = self.hex(8), {self.hex(8): "acme", self.hex(8): "Zürich – Gerät"}
        self.origin = f"tollgate/{self.deployment}"
        self.keys, self.witness = [self.key()], self.key()
        self.at, self.events, self.cuts, self.details = 1_763_697_600_000_000, [], [], {}
        self.prices = {}
        self.lists = [self.price_list(), self.price_list()]
        self.tell(requests)

    def hex(self, size):
        return self.random.randbytes(size).hex()

    def key(self):
        return Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))

    def price_list(self):
        def price(part=1, **more):  # now and then flex is the dearer one all the same, and then saves nothing
            sides = ("cache_write", "cache_write_1h", "cached", "input", "output")
            return {**{side: self.random.randrange(10**7, 10**10 // part) for side in sides}, **more}
        whole = {"endpoints": {
            "east": price(model="vendor-large", audio_input=10**10, audio_output=2 * 10**10, tiers={
                "flex": price(10, long=[price(10, above=2000), price(10, above=6000)]),
                "priority": price(audio_input=1, long=[])},
                long=[price(above=2000), price(above=6000)]),
            "west": price(model="vendor-small", long=[])}, "v": 1}
        version = sha(line(whole)[:-1])[:8].hex()
        self.prices[version] = whole
        return version

    def add(self, log, kind, record):
        self.at += self.random.randrange(0, 10**11)
        self.events.append([log, self.at, kind, record])

    def usage(self):
        sides = ("cache_write", "cache_write_1h", "cached", "input", "output", "reasoning")
        usage = {side: self.random.choice((0, 1, 77, self.random.randrange(4000))) for side in sides}
        audio = {side: self.random.randrange(1, 100) for side in ("audio_input", "audio_output") if self.random.random() < 0.3}
        return {**audio, **usage, "source": self.random.choice(("reported", "estimated"))}

    def request(self, log, race=None):
        pick = self.random.choice
        record = {"config": self.hex(8), "id": self.hex(16), "key": "k_" + self.hex(4), "started_us": self.at,
                  "surface": pick(("chat", "messages")), "latency_us": self.random.randrange(10**7), "status": 200,
                  "stream": pick((True, False)), "outcome": "answered", "tier": pick(("default", "standard", "flex", "priority")), "cache": "off"}
        if race or pick((True, True, False)):
            record.update(endpoint="east" if race else pick(("east", "west", "local")), model=pick(("large", "small")),
                          route="all", served="vendor-x", prices=pick(self.lists), usage=self.usage(), fee=pick((0, 12345)),
                          first_content_us=self.random.randrange(10**6), asked="auto", task="code",
                          complexity="simple", rule="short", health=["west:tripped"])
            record["attempts"] = [{"endpoint": "west", "failed": "timeout", "ms": 31},
                                  {"endpoint": record["endpoint"], "ms": 7}]
            price = self.prices[record["prices"]]["endpoints"].get(record["endpoint"])
            if price:
                record["cost"] = cost_of(record["usage"], price, record["tier"])
            if race or pick((True, False)):
                self.race(record, race or pick(("flex", "flex", "standard", "first", "second", "none")))
        else:
            record.update(outcome=pick(("refused", "failed", "cut_upstream", "hung_up")), status=pick((403, 499, 502)),
                          error={"code": "rate_limited", "whose": pick(("client", "gateway", "vendor"))})
        if pick((True, False)):
            detail = {"asked": "a model nobody knows", "body": self.hex(32), "answer": self.hex(32), "ip": "192.0.2.7",
                      "tags": {"team": "π"}, "user": "u\n\"1\"\u0001", "user_agent": "curl/8"}
            salt = self.random.randbytes(32)
            record["detail"] = sha(b"tollgate-audit-detail/v1\n" + salt + line(detail)[:-1]).hex()
            self.details[record["id"]] = {"detail": detail, "salt": salt.hex()}
        self.add(log, "request", record)
        return record

    def race(self, record, ended):
        """It was a race: `ended` says which attempt has won. One that was cancelled may have cost something."""
        pick, prices = self.random.choice, self.prices[record["prices"]]["endpoints"]
        if ended in ("flex", "standard"):
            record["start_within"], tiers = pick(("30s", "1m30s")), ("flex", "standard")
            whys = "flex", pick(("late", "refused", "failed", "resting"))
        else:
            record["start_within"], tiers = "auto", (pick(("standard", "priority", "auto")),) * 2
            whys = None, pick(("hedge", "fallback"))
        endpoints = record["endpoint"], pick(("east", "west", "local"))
        record.update(race=ended, attempts=[
            self.attempt(*each, prices) for each in zip((0, 31), endpoints, tiers, whys)])
        for member in ("cost", "endpoint", "tier"):
            record.pop(member, None)
        if ended == "none":
            for member in ("fee", "first_content_us", "served", "usage"):
                del record[member]
            record.update(outcome="failed", status=504, error={"code": "deadline_exceeded", "whose": "vendor"})
            return
        won = record["attempts"][ended in ("standard", "second")]
        for member in ("at_most", "failed", "input", "output"):
            won.pop(member, None)
        # A vendor may say that it has served the ordinary tier all the same.
        tier = pick((won["tier"], won["tier"], "standard"))
        record.update(endpoint=won["endpoint"], tier=tier, tier_asked=won["tier"])
        if won["endpoint"] in prices:
            record["cost"] = cost_of(record["usage"], prices[won["endpoint"]], record["tier"])
            saved = saved_of(record, prices[won["endpoint"]])
            if ended == "flex" and saved > 0:
                record.update(saved=saved, **pick(({}, {"saving_fee": min(saved, record["fee"])})))

    def attempt(self, at_ms, endpoint, tier, why, prices):
        """One that was cancelled because another was faster."""
        attempt = {"at_ms": at_ms, "endpoint": endpoint, "failed": "lost", "ms": 44, "tier": tier}
        attempt.update({"why": why} if why else {}, input=self.random.choice((0, 1, self.random.randrange(8000))))
        attempt.update(self.random.choice(({}, {"output": self.random.randrange(1, 900)})))
        if endpoint in prices:
            attempt["at_most"] = at_most_of(attempt, prices[endpoint])
        return attempt

    def lost(self, log):
        whole, version = self.usage(), self.random.choice(self.lists)
        record = {"id": self.hex(16), "key": "k_" + self.hex(4), "started_us": self.at, "surface": "chat",
                  "outcome": "lost"}
        if self.random.choice((True, False)):
            record.update(model="large", endpoint="east", served="vendor-large", prices=version, usage=whole, fee=5,
                          cost=cost_of(whole, self.prices[version]["endpoints"]["east"], None))
        self.add(log, "lost", record)

    def tell(self, requests):
        rounds, tenants = 8, list(self.tenants)
        for log, origin in [("deployment", self.origin)] + [(log, f"{self.origin}/t/{log}") for log in tenants]:
            self.add(log, "open", {"deployment": self.deployment, "log": log, "origin": origin})
        self.add("deployment", "start", {"recovered": 2, "software": "tollgate 1.0"})
        self.add("deployment", "mode", {"from": "off", "to": "strict"})
        for round in range(rounds):
            for number in range(requests // rounds):
                last = self.request(tenants[number % 3 % 2])
            self.request(tenants[1], race="flex")
            if round in (2, 6):
                for log in tenants:
                    self.lost(log)
            if round == 3:
                self.keys.append(self.key())
                self.add("deployment", "key", announcement(self.origin, self.keys[-1], self.keys[-2]))
            if round in (3, 6):
                shown = [record["id"] for log, _, _, record in self.events if log == tenants[0] and "detail" in record]
                self.add(tenants[0], "erase", {"by": "root", "ids": shown[-2:], "what": "user", "why": "asked for"})
            if round in (4, 7):
                self.add(tenants[0], "purge", {"by": "root", "why": "retention"})
            codes = {"no_key": 3, "bad_key": round + 1}
            self.add("deployment", "refused", {"codes": codes, "minute": self.at // 60_000_000})
            self.add(self.random.choice(tenants + ["deployment"]), "admin", {"by": "root", "what": "reload"})
            if round == 5:
                self.add("deployment", "stop", {})
                self.add("deployment", "start", {"recovered": 0, "software": "tollgate 1.1"})
            for log in tenants:
                self.add("deployment", "checkpoint", {"log": log})
            self.cuts.append(len(self.events))

    def copy(self):
        """A copy to change; keys are shared."""
        other = copy.copy(self)
        other.events, other.keys = copy.deepcopy(self.events), list(self.keys)
        return other


class Log:
    def __init__(self):
        self.lines, self.hashes, self.leaves, self.purged = [], [], [], 0

    def append(self, at, kind, record):
        seq = len(self.lines)
        prev = self.hashes[-1].hex() if seq else "0" * 64
        self.lines.append(line({"at": at, "kind": kind, "prev": prev, "record": record, "seq": seq, "v": 1}))
        self.hashes.append(sha(b"\0" + self.lines[-1][:-1]))
        self.leaves.append((kind, record))


def checkpoint(story, log, hashes, key, witness):
    origin = story.origin + ("" if log == "deployment" else f"/t/{log}")
    text = f"{origin}\n{len(hashes)}\n{b64(root_of(hashes))}\n"
    note = f"{text}\n— {story.origin} {b64(key_id(story.origin, 1, key) + key.sign(text.encode()))}\n"
    if witness:
        message = f"cosignature/v1\ntime 1763700000\n{text}".encode()
        stamp = (1763700000).to_bytes(8, "big") + witness.sign(message)
        note += f"— {WITNESS} {b64(key_id(WITNESS, 4, witness) + stamp)}\n"
    return note.encode()


def build(story, folder, end=None, details=True, wrong_totals=None):
    """Writes the export of the story up to an event. `wrong_totals`: other leaves to make totals.json of, by log."""
    logs, keys = {log: Log() for log in ["deployment", *story.tenants]}, 1
    for name, at, kind, record in story.events[:end]:
        log, record = logs[name], dict(record)
        if kind == "checkpoint":
            hashes = logs[record["log"]].hashes
            record.update(size=len(hashes), root=root_of(hashes).hex(), tenant=story.tenants[record["log"]])
        if kind == "erase":
            ids = record.pop("ids")
            seqs = [seq for seq, (_, other) in enumerate(log.leaves) if other.get("id") in ids]
            record["seqs"] = [[seq, seq + 1] for seq in seqs]
        if kind == "purge":
            start, to = log.purged, len(log.lines) * 2 // 3 // CHUNK * CHUNK
            if to == start:
                continue
            record.update({"from": start, "to": to, "root": root_of(log.hashes[:to]).hex(),
                           "months": months_of(log.leaves[start:to])})
            log.purged = to
        keys += kind == "key"
        log.append(at, kind, record)
    shutil.rmtree(folder, ignore_errors=True)

    def put(name, data):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    totals, used, key = {"logs": {}, "next": {}, "v": 1}, set(), story.keys[keys - 1]
    for name, log in logs.items():
        home, kept = f"logs/{name}/", log.leaves[log.purged:]
        about = {"id": name, "origin": story.origin, "v": 1}
        if name != "deployment":
            about.update(origin=f"{story.origin}/t/{name}", tenant=story.tenants[name])
            totals["logs"][name] = months_of((wrong_totals or {}).get(name, kept))
            totals["next"][name] = len(log.lines)
            used |= {record["prices"] for _, record in kept if "prices" in record}
            erases = [record["seqs"] for kind, record in kept if kind == "erase"]
            erased = {seq for pairs in erases for pair in pairs for seq in range(*pair)}
            opened = [{**story.details[record["id"]], "seq": seq} for seq, (kind, record) in enumerate(log.leaves)
                      if seq >= log.purged and seq not in erased and "detail" in record]
            if details:
                put(home + "details.jsonl", b"".join(map(line, opened)))
        put(home + "log.json", line(about))
        witness = story.witness if name == "deployment" else None
        put(home + "checkpoint", checkpoint(story, name, log.hashes, key, witness))
        put(home + "tree.0", b"".join(log.hashes))
        for start in range(log.purged, len(log.lines), CHUNK):
            put(f"{home}leaves/{start // CHUNK:08d}.jsonl", b"".join(log.lines[start:start + CHUNK]))
    for version in used:
        put(f"prices/{version}.json", line(story.prices[version]))
    put("export.json", line({"details": details, "v": 1}))
    put("deployment.json", line({"deployment": story.deployment, "v": 1}))
    put("totals.json", line(totals))
    put("keys/log.pub", "".join(vkey(story.origin, 1, each) + "\n" for each in story.keys[:keys]).encode())


def write(folder, requests=40, seed=None):
    """Writes a whole export, and checkpoints that an auditor kept of it. Returns the story and what verifies it:
    {"kept": [...], "witnesses": [...], "key": ...}. The kept checkpoints lie beside the folder."""
    story, kept = Story(requests, seed), []
    for number, cut in enumerate((story.cuts[1], story.cuts[-2])):
        build(story, folder, cut)
        kept.append(f"{folder}.kept{number}")
        shutil.copyfile(os.path.join(folder, "logs/deployment/checkpoint"), kept[-1])
    build(story, folder)
    first = vkey(story.origin, 1, story.keys[0])
    return story, {"kept": kept, "witnesses": [vkey(WITNESS, 4, story.witness)], "key": first}


if __name__ == "__main__":
    import sys
    CHUNK = 65_536  # so that the verifier's own command reads it; it then holds no purge
    told, given = write(sys.argv[1])
    print(*[f"--kept {path}" for path in given["kept"]], "--witness", given["witnesses"][0], "--key", given["key"])

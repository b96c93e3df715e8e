#!/usr/bin/env python3
"""Checks an audit log of Tollgate with none of Tollgate's own code. The format: audit-format.md, beside this file.

    python3 verify_audit.py FOLDER [--kept CHECKPOINT ...] [--witness VKEY ...] [--key VKEY]

FOLDER is an export or a data folder. Exits 0 when all holds; else 1, and the last line says what is wrong and where.
Without a checkpoint kept elsewhere, or a witness, whoever holds the log's key could have rewritten all of it.
"""
import argparse, base64, hashlib, json, os, re, sys
from bisect import bisect_left
from collections import namedtuple
from datetime import datetime, timezone
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CHUNK = 65536  # leaves in one file of leaves/
H16, H64, MODE = "[0-9a-f]{16}", "[0-9a-f]{64}", "strict|relaxed|off"
# Forms, for fits(): a type (int is 0 and up), a regular expression, [form] a list, {"*": form} any names, or members.
PRICE = dict.fromkeys(("cache_write", "cache_write_1h", "cached", "input", "output"), int)
PRICES = {"v": 1, "endpoints": {"*": {**PRICE, "model": str, "long?": [{**PRICE, "above": int}]}}}
MONTHS = {"*": {"*": dict.fromkeys(("cached", "cost", "fee", "input", "output", "requests"), int)}}
LOST = {"id": ".+", "key": str, "outcome": "lost", "started_us": int, "surface": str, "model?": str, "endpoint?": str,
        "served?": str, "prices?": H16, "cost?": {"input": int, "output": int}, "fee?": int,
        "usage?": {**PRICE, "reasoning": int, "source": "reported|estimated"}}
REQUEST = {**LOST, "outcome": "answered|refused|failed|cut_upstream|hung_up", "status?": int, "stream?": bool,
           "attempts?": [{"endpoint": str, "ms": int, "failed?": str}], "asked?": str, "route?": str,
           "error?": {"code": str, "whose": "client|gateway|vendor"}, "health?": [".+:.+"], "latency_us?": int,
           "first_content_us?": int, "complexity?": str, "task?": str, "rule?": str, "config?": H16, "detail?": H64,
           "cache?": "off", "tier?": "default"}
TENANT = {"request": REQUEST, "lost": LOST, "erase": {"by": str, "seqs": [[int]], "what": str, "why": str},
          "purge": {"by": str, "from": int, "months": MONTHS, "root": H64, "to": int, "why": str},
          "open": {"deployment": str, "log": str, "origin": str}, "admin": {"by": str, "what": str}}
OPERATOR = {"open": TENANT["open"], "admin": TENANT["admin"], "start": {"recovered": int, "software": str}, "stop": {},
            "mode": {"from": MODE, "to": MODE}, "key": {"vkey": str}, "refused": {"codes": {"*": int}, "minute": int},
            "checkpoint": {"log": H16, "root": H64, "size": int}}
TOTALS = {"v": 1, "logs": {"*": MONTHS}, "next": {"*": int}}
LEAF = {"at": int, "kind": str, "prev": H64, "record": dict, "seq": int, "v": 1}
DETAIL = {"asked?": str, "body?": H64, "answer?": H64, "ip?": str, "tags?": object, "user?": str, "user_agent?": str}
FILES = ("(export|deployment|totals).json|keys/log.pub|prices/H.json|logs/(deployment|H)/(log.json|checkpoint|tree.0|"
         "leaves/[0-9]{8}.jsonl)|logs/H/details.jsonl").replace(".", r"\.").replace("H", H16)
FOLDERS = "keys|prices|logs|logs/(deployment|H)(/leaves)?".replace("H", H16)
Key = namedtuple("Key", "name id public")
Note = namedtuple("Note", "text origin size root signatures")  # signatures: {(name, key id): bytes}, in order

class Wrong(Exception):
    """What is wrong, and where."""

def need(holds, where, what):
    if not holds:
        raise Wrong(f"{where}: {what}")

def sha(data):
    return hashlib.sha256(data).digest()

def dump(value):
    """Canonical JSON; Python's own escapes are those of RFC 8785."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

def plain(value):
    """Whether a value holds only what the format's JSON may hold: no null, no fraction, no huge number."""
    if isinstance(value, dict):
        return all(name.isascii() and plain(member) for name, member in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return isinstance(value, str) or isinstance(value, int) and abs(value) < 2**53

def fits(value, form):
    """Whether a value has a form (see above). Types are compared exactly, since True == 1 in Python."""
    if isinstance(form, dict) and "*" in form:
        return type(value) is dict and all(fits(member, form["*"]) for member in value.values())
    if isinstance(form, dict):
        return type(value) is dict and all(name in value or name[-1] == "?" for name in form) and all(
            name[-1:] != "?" and fits(member, form.get(name, form.get(name + "?"))) for name, member in value.items())
    if isinstance(form, list):
        return type(value) is list and all(fits(item, form[0]) for item in value)
    if isinstance(form, str):
        return type(value) is str and re.fullmatch(form, value, re.S) is not None
    return form is object or (value == form if type(value) is type(form) else type(value) is form and (
        form is not int or value >= 0))

def parse(line, form, where):
    """The value of one line, which is canonical JSON (written again it gives the same bytes) and has the form."""
    try:
        value = json.loads(line.decode())
        same = plain(value) and dump(value) + b"\n" == line
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{where}: not JSON: {error}")
    need(same, where, "not canonical JSON, one line ended by a newline")
    need(fits(value, form), where, "members are missing, unknown or not of their type")
    return value

def unbase64(text):
    """Decodes strictly: bits that do not count, as the last ones of `QQ==`, must be zero."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 of another form")
    return data

def read_key(text, algorithm, where):
    """A verifier key `name+id+base64`, whose id follows from the rest. Algorithm 1: a log's; 4: a witness's."""
    try:
        name, number, body = text.split("+", 2)
        data = unbase64(body)
    except ValueError as error:
        raise Wrong(f"{where}: not a verifier key: {error}")
    made = sha(name.encode() + b"\n" + data)[:4]
    need(len(data) == 33 and data[0] == algorithm and made.hex() == number, where, "not a verifier key")
    return Key(name, made, data[1:])

def read_note(path, where):
    """A signed note over a checkpoint, in its one form: origin, size and root; then lines of signatures."""
    try:
        with open(path, "rb") as file:
            parts = re.fullmatch("(([^\n]+)\n([1-9][0-9]{0,15})\n([^\n]{44})\n)\n((— [^ \n]+ [^ \n]+\n)+)",
                                 file.read().decode())
        need(parts, where, "not a signed checkpoint")
        text, origin, size, root, signed, _ = parts.groups()
        lines = [line.split(" ") for line in signed[:-1].split("\n")]
        signatures = {(name, unbase64(body)[:4]): unbase64(body)[4:] for _, name, body in lines}
        need(len(signatures) == len(lines), where, "two signatures by one key")
        return Note(text.encode(), origin, int(size), unbase64(root).hex(), signatures)
    except ValueError as error:
        raise Wrong(f"{where}: not a signed checkpoint: {error}")

def signed_by(note, key, witness=False):
    """Whether the note has a valid Ed25519 signature by the key; a witness signs the time and the text."""
    signature, text = note.signatures.get((key.name, key.id), b""), note.text
    if witness:
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        text = b"cosignature/v1\ntime %d\n" % time + text
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
        return True
    except InvalidSignature:
        return False

def tree_roots(path, sizes):
    """The RFC 6962 roots of the tree over the leaf hashes in a file, at each of the sizes. `stack` holds the roots of
    the perfect subtrees so far, the largest first, so that one pass over the file is enough."""
    found, stack = {}, []
    with open(path, "rb") as file:
        for size in range(1, max(sizes) + 1):
            node, pairs = file.read(32), size
            while pairs % 2 == 0:
                node, pairs = sha(b"\1" + stack.pop() + node), pairs // 2
            stack.append(node)
            if size in sizes:
                for left in stack[-2::-1]:
                    node = sha(b"\1" + left + node)
                found[size] = node.hex()
    return found

def prompt(usage):
    return usage["input"] + usage["cached"] + usage["cache_write"] + usage["cache_write_1h"]

def usage_cost(usage, price):
    """The cost by the three steps of the format: exact, and rounded once for each side."""
    price = ([price] + [step for step in price.get("long", ()) if step["above"] < prompt(usage)])[-1]
    paid = {side: usage[side] * price[side] for side in PRICE}
    sides = {"input": sum(paid.values()) - paid["output"], "output": paid["output"]}
    return {side: (amount + 500_000) // 10**6 for side, amount in sides.items()}

class Audit:
    """One folder under examination, and what has been learned so far."""

    def __init__(self, folder):
        self.folder, self.export = folder, os.path.exists(os.path.join(folder, "export.json"))
        self.claims = {}  # log: [(size, root, who says so)], what its tree must have been
        self.named = {}  # tenant log: its (size, root) by the newest `checkpoint` leaf
        self.rotated, self.prices, self.totals, self.opened, self.unopened = [], {}, {}, [], []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def json(self, name, form):
        """The value of a file that is one line of JSON."""
        with open(self.path(name), "rb") as file:
            return parse(file.read(), form, name)

    def check_names(self):
        """An export holds the files that the format names and no others."""
        for place, folders, files in os.walk(self.folder):
            for names, allowed in (folders, FOLDERS), (files, FILES):
                for name in (os.path.relpath(os.path.join(place, name), self.folder) for name in names):
                    known = re.fullmatch(allowed, name.replace(os.sep, "/")) and not os.path.islink(self.path(name))
                    need(known, name, "not a file or folder of the format")

    def read_keys(self, first):
        """keys/log.pub holds keys of this deployment, and the first is the one that the auditor knows."""
        with open(self.path("keys/log.pub"), "rb") as file:
            self.lines = file.read().decode().split("\n")
        need(self.lines.pop() == "" and self.lines, "keys/log.pub", "not lines of keys")
        self.keys = [read_key(line, 1, "keys/log.pub") for line in self.lines]
        need(all(key.name == self.origin for key in self.keys), "keys/log.pub", f"a key's name is not {self.origin}")
        need(first in (None, self.lines[0]), "keys/log.pub", "the first key is not the one given")

    def read_kept(self, path):
        """A checkpoint kept elsewhere is signed by a key of the log, and the tree must have had its root."""
        note = read_note(path, path)
        need(any(signed_by(note, key) for key in self.keys), path, "signed by no key in keys/log.pub")
        log = "deployment" if note.origin == self.origin else note.origin[len(self.origin + "/t/"):]
        need(note.origin in (self.origin, f"{self.origin}/t/{log}"), path, "of another deployment")
        self.claims.setdefault(log, []).append((note.size, note.root, f"the kept checkpoint {path}"))

    def price_list(self, version):
        """The price list of a version: its hash is its name, and `above` rises."""
        if version not in self.prices:
            name = f"prices/{version}.json"
            whole = self.json(name, PRICES)
            need(sha(dump(whole))[:8].hex() == version, name, "its hash is not its name")
            steps = [[step["above"] for step in price.get("long", ())] for price in whole["endpoints"].values()]
            need(all(each == sorted(set(each)) for each in steps), name, "`above` does not rise")
            self.prices[version] = whole["endpoints"]
        return self.prices[version]

    def check_tenants(self):
        """The tenant logs are those that the deployment's log names: none was added, none is gone."""
        found = {log for log in os.listdir(self.path("logs")) if re.fullmatch(H16, log)
                 and (self.export or os.path.exists(self.path("logs", log, "checkpoint")))}
        lost, added = sorted(self.claims.keys() - {"deployment"} - found), sorted(found - self.named.keys())
        need(not lost, f"logs/{lost and lost[0]}", "is missing, and a checkpoint names this log")
        need(not added or not self.export, f"logs/{added and added[0]}", "named by no leaf of the deployment's log")
        return sorted(found)

    def check_totals(self, tenants):
        """totals.json is what the records add up to. In a data folder it may be ahead of a checkpoint: not compared."""
        logs, counted = self.stated["logs"], self.stated["next"]
        need(logs.keys() <= counted.keys() <= set(tenants) or not self.export, "totals.json", "counts an unknown log")
        for log in tenants:
            size, same = self.sizes[log], logs.get(log, {}) == self.totals[log]
            need(counted.get(log) == size or not self.export, "totals.json", f"log {log}: `next` is not {size}")
            need(same or counted.get(log, 0) > size, "totals.json", f"log {log}: not what its records add up to")

    def check(self, kept, witnesses, first):
        """All that the format promises, in the order in which one thing rests on another. Returns the summary."""
        if self.export:
            self.json("export.json", {"v": 1})
            self.check_names()
        need(self.export or os.path.isdir(self.path("journal")), self.folder, "no export.json, and no data folder")
        self.deployment = self.json("deployment.json", {"deployment": H16, "v": 1})["deployment"]
        self.origin = f"tollgate/{self.deployment}"
        self.read_keys(first)
        self.stated = self.json("totals.json", TOTALS)
        for path in kept:
            self.read_kept(path)
        logs = [Log(self, "deployment")]
        logs[0].check()
        for text in witnesses:
            signed = signed_by(logs[0].note, read_key(text, 4, text), witness=True)
            need(signed, "logs/deployment/checkpoint", f"not signed by the witness {text}")
        rotated = self.lines[1:] if self.export else self.lines[1:len(self.rotated) + 1]
        need(self.rotated == rotated, "keys/log.pub", "not the first key and those that `key` leaves name")
        logs += [Log(self, log) for log in self.check_tenants()]
        for log in logs[1:]:
            log.check()
        self.sizes = {log.log: log.note.size for log in logs}
        self.check_totals([log.log for log in logs[1:]])
        need(not self.opened or not self.unopened, self.unopened, "details are missing, and another log has them")
        priced = os.listdir(self.path("prices")) if os.path.exists(self.path("prices")) else []
        spare = [name for name in priced if name[:-5] not in self.prices]
        need(not spare or not self.export, "prices", f"named by no record: {spare}")
        return [f"first key: {self.lines[0]}", f"newest key: {self.lines[-1]}"] + [log.summary() for log in logs] + [
            f"all holds: {sum(log.records for log in logs)} records in {len(logs)} logs"]

class Log:
    """One log under examination. For a kind of leaf there is a method `on_…`, which is given its place and record."""

    def __init__(self, audit, log):
        self.audit, self.log, self.home, self.records, self.ids = audit, log, f"logs/{log}", 0, set()
        self.origin = audit.origin + ("" if log == "deployment" else f"/t/{log}")
        self.note = read_note(audit.path(self.home, "checkpoint"), f"{self.home}/checkpoint")
        self.claims = audit.claims.setdefault(log, [])
        self.totals = audit.totals[log] = {}
        self.purged, self.missing, self.counted = 0, [], audit.stated["next"].get(log, 0)
        self.files = sorted(int(name[:8]) for name in os.listdir(audit.path(self.home, "leaves"))
                            if re.fullmatch(r"[0-9]{8}\.jsonl", name))
        need(self.files and self.files[0] * CHUNK < self.note.size, self.home, "has no leaves")
        self.first = self.files[0] * CHUNK

    def check(self):
        """Checks the leaves one by one, and then that they are the tree that was signed."""
        self.check_signature()
        self.read_details()
        forms = OPERATOR if self.log == "deployment" else TENANT
        for seq, kind, record, where in self.leaves():
            need(kind in forms, where, f"kind {kind} has no place in this log")
            need(fits(record, forms[kind]), where, f"{kind}: members are missing, unknown or not of their type")
            need((kind == "open") == (seq == 0), where, "`open` is the first leaf, and no other is")
            getattr(self, f"on_{kind}", lambda *_: None)(seq, record, where)
        need(self.first == 0 or self.purged >= self.first, self.home, f"no purge covers the leaves before {self.first}")
        self.check_details()
        self.check_tree()

    def check_signature(self):
        """The checkpoint is of this log, signed by the newest key (in a data folder in use: by any)."""
        need(self.note.origin == self.origin, f"{self.home}/checkpoint", "of another log")
        keys, signers = self.audit.keys[-1:] if self.audit.export else self.audit.keys, list(self.note.signatures)
        signed = any(signers[0] == key[:2] and signed_by(self.note, key) for key in keys)
        need(signed, f"{self.home}/checkpoint", "not signed by the log's key")
        tenant = {} if self.log == "deployment" else {"tenant": str}
        about = self.audit.json(f"{self.home}/log.json", {"id": str, "origin": str, "v": 1, **tenant})
        need((about["id"], about["origin"]) == (self.log, self.origin), f"{self.home}/log.json", "of another log")

    def leaves(self):
        """Yields the leaves that are there, in order: whole, without gaps, chained, each with its hash in tree.0."""
        size, seq, at, export = self.note.size, self.first, 0, self.audit.export
        tree = self.audit.path(self.home, "tree.0")
        extra = os.path.getsize(tree) - 32 * size
        need(extra == 0 or extra > 0 and not export, f"{self.home}/tree.0", "not one hash for each leaf")
        with open(tree, "rb") as hashes:
            hashes.seek(32 * max(0, seq - 1))
            previous = hashes.read(32) if seq else bytes(32)
            for number in self.files:
                name = f"{self.home}/leaves/{number:08d}.jsonl"
                follows = seq == number * CHUNK and (seq < size or not export)
                need(follows, name, f"out of place: leaves before this file end at {seq}, the checkpoint at {size}")
                with open(self.audit.path(name), "rb") as file:
                    for line in file:
                        where = f"log {self.log}, seq {seq}, {name}"
                        if seq == size:
                            need(not export, where, "a leaf past the checkpoint")
                            return
                        leaf = parse(line, LEAF, where)
                        need(leaf["seq"] == seq, where, f"its seq is {leaf['seq']}")
                        need(leaf["prev"] == previous.hex(), where, "prev is not the hash of the leaf before")
                        need(leaf["at"] >= at, where, "earlier than the leaf before")
                        at, previous = leaf["at"], sha(b"\0" + line[:-1])
                        need(previous == hashes.read(32), where, "its hash is not the one in tree.0")
                        yield seq, leaf["kind"], leaf["record"], where
                        seq += 1
        need(seq == size, self.home, f"leaves end at {seq}, the checkpoint at {size}")

    def check_tree(self):
        """The leaf hashes make the signed root, and every root that was named or kept: nothing was rewritten."""
        claims = self.claims + [(self.note.size, self.note.root, f"{self.home}/checkpoint")]
        for size, _, where in claims:
            need(0 < size <= self.note.size, where, f"log {self.log} had {size} leaves and now has {self.note.size}")
        roots = tree_roots(self.audit.path(self.home, "tree.0"), {size for size, _, _ in claims})
        for size, root, where in claims:
            need(roots[size] == root, where, f"the root of log {self.log} at {size} is {roots[size]}, not {root}")
        last = self.audit.named.get(self.log)
        need(self.log == "deployment" or not self.audit.export or last == (self.note.size, self.note.root),
             f"{self.home}/checkpoint", f"the deployment's log says {last}")

    def on_open(self, seq, record, where):
        """The log says itself which it is."""
        expected = {"deployment": self.audit.deployment, "log": self.log, "origin": self.origin}
        need(record == expected, where, "opens another log")

    def on_key(self, seq, record, where):
        self.audit.rotated.append(record["vkey"])

    def on_checkpoint(self, seq, record, where):
        """A tenant's log never shrinks; what its root was is checked with that log."""
        log, size = record["log"], record["size"]
        need(size >= self.audit.named.get(log, (1,))[0], where, f"log {log} has shrunk")
        self.audit.named[log] = size, record["root"]
        self.audit.claims.setdefault(log, []).append((size, record["root"], where))

    def on_purge(self, seq, record, where):
        """Leaves that are gone were dropped by an act that is itself on record, with their root and their totals."""
        need(record["from"] < record["to"] <= seq, where, "purges nothing, or what was not yet there")
        need(self.purged in (0, record["from"]), where, f"the purge before ended at {self.purged}")
        self.claims.append((record["to"], record["root"], where))
        self.purged = record["to"]
        for month, models in record["months"].items() if self.purged <= self.first else ():
            for model, sums in models.items():
                self.add(month, model, sums)

    def on_request(self, seq, record, where):
        """A request is there once; its cost is what its usage and its price list say, and only with a price."""
        digest = sha(record["id"].encode())[:16]
        need(digest not in self.ids, where, f"request {record['id']} is there twice")
        self.ids.add(digest)
        usage, cost, price = record.get("usage"), record.get("cost"), None
        if "prices" in record:
            price = self.audit.price_list(record["prices"]).get(record.get("endpoint"))
        due = usage_cost(usage, price) if usage and price else None
        need(cost == due, where, f"its cost is {cost}, and by its usage and prices {due}")
        self.records += 1
        if seq < self.counted:
            usage, cost = usage or dict.fromkeys(PRICE, 0), cost or {}
            month = datetime.fromtimestamp(record["started_us"] // 10**6, timezone.utc).strftime("%Y-%m")
            self.add(month, record.get("model", "-"), {
                "cached": usage["cached"], "cost": sum(cost.values()), "fee": record.get("fee", 0), "requests": 1,
                "input": prompt(usage), "output": usage["output"]})
        if "detail" in record and self.details.pop(seq, None) != record["detail"]:
            self.missing.append(seq)

    on_lost = on_request

    def add(self, month, model, sums):
        total = self.totals.setdefault(month, {}).setdefault(model, dict.fromkeys(sums, 0))
        for name, amount in sums.items():
            total[name] += amount

    def on_erase(self, seq, record, where):
        """Details that are missing were destroyed by an act on record; and what it destroyed is not there."""
        for pair in record["seqs"]:
            need(len(pair) == 2 and pair[0] < pair[1] <= seq, where, "erases nothing, or what was not yet there")
            erased = [slice(*(bisect_left(seqs, end) for end in pair)) for seqs in (self.missing, self.shown)]
            need(not self.shown[erased[1]], where, "a detail that it destroyed is in details.jsonl")
            del self.missing[erased[0]]

    def read_details(self):
        """The commitments that the opened details make, by seq."""
        name, self.details, last = f"{self.home}/details.jsonl", {}, -1
        self.has_details = os.path.exists(self.audit.path(name))
        with open(self.audit.path(name) if self.has_details else os.devnull, "rb") as file:
            for line in file:
                opened = parse(line, {"detail": DETAIL, "salt": H64, "seq": int}, f"{name}, after seq {last}")
                need(opened["seq"] > last, name, f"seq {opened['seq']} after {last}")
                last, data = opened["seq"], bytes.fromhex(opened["salt"]) + dump(opened["detail"])
                self.details[last] = sha(b"tollgate-audit-detail/v1\n" + data).hex()
        self.shown = list(self.details)

    def check_details(self):
        """Each opened detail is the one committed to; in an export with details each other one was erased."""
        name = f"{self.home}/details.jsonl"
        need(not self.details, name, f"committed to by no record: seq {list(self.details)[:1]}")
        need(not self.missing or not self.has_details, name, f"missing or not the one committed to: {self.missing[:1]}")
        (self.audit.opened if self.has_details else self.audit.unopened if self.missing else []).append(name)

    def summary(self):
        return f"{self.log}: {self.records} records, {self.note.size} leaves, root {self.note.root}"

def verify(folder, kept=(), witnesses=(), key=None):
    """Raises Wrong unless all holds; else returns what was checked, line by line. What cannot be read is a finding."""
    try:
        return Audit(folder).check(kept, witnesses, key)
    except Exception as error:
        raise error if isinstance(error, Wrong) else Wrong(f"cannot be read: {type(error).__name__}: {error}") from None

def main():
    parser = argparse.ArgumentParser(description="Checks an audit log of Tollgate: an export or a data folder.")
    parser.add_argument("folder")
    parser.add_argument("--kept", action="append", default=[], help="a checkpoint file that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
    parser.add_argument("--key", help="the first verifier key of the log, as it was published")
    given = parser.parse_args()
    try:
        lines, code = verify(given.folder, given.kept, given.witness, given.key), 0
    except Wrong as wrong:
        lines, code = [f"WRONG: {wrong}"], 1
    for line in lines:
        print(" ".join(line.split()).encode("ascii", "backslashreplace").decode())
    return code

if __name__ == "__main__":
    sys.exit(main())

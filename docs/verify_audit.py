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
           "attempts?": [{"endpoint": str, "ms": int, "failed?": str}], "asked?": str, "route?": str, "health?": [".+:.+"],
           "error?": {"code": str, "whose": "client|gateway|vendor"}, "first_content_us?": int, "latency_us?": int,
           "complexity?": str, "task?": str, "rule?": str, "config?": H16, "detail?": H64, "cache?": "off",
           "tier?": "default"}
TENANT = {"request": REQUEST, "lost": LOST, "erase": {"by": str, "seqs": [[int]], "what": str, "why": str},
          "purge": {"by": str, "from": int, "months": MONTHS, "root": H64, "to": int, "why": str},
          "open": {"deployment": str, "log": str, "origin": str}, "admin": {"by": str, "what": str}}
OPERATOR = {"open": TENANT["open"], "admin": TENANT["admin"], "start": {"recovered": int, "software": str}, "stop": {},
            "mode": {"from": MODE, "to": MODE}, "key": {"vkey": str}, "refused": {"codes": {"*": int}, "minute": int},
            "checkpoint": {"log": H16, "root": H64, "size": int}}
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

def read_note(path):
    """A signed note over a checkpoint, in its one form: origin, size and root; then lines of signatures."""
    try:
        with open(path, "rb") as file:
            text, signed = re.fullmatch("(.*\n)\n((?:— [^ \n]+ [^ \n]+\n)+)", file.read().decode(), re.S).groups()
        origin, size, root = re.fullmatch("([^\n]+)\n([1-9][0-9]{0,15})\n([^\n]{44})\n", text).groups()
        lines = [line.split(" ") for line in signed[:-1].split("\n")]
        signatures = {(name, unbase64(body)[:4]): unbase64(body)[4:] for _, name, body in lines}
        need(len(signatures) == len(lines), path, "two signatures by one key")
        return Note(text.encode(), origin, int(size), unbase64(root).hex(), signatures)
    except (ValueError, AttributeError) as error:
        raise Wrong(f"{path}: not a signed checkpoint: {error}")

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

def usage_cost(usage, price):
    """The cost by the three steps of the format: exact, and rounded once for each side."""
    prompt = sum(usage[side] for side in PRICE if side != "output")
    price = ([price] + [step for step in price.get("long", ()) if step["above"] < prompt])[-1]
    paid = {side: usage[side] * price[side] for side in PRICE}
    return {"input": (sum(paid.values()) - paid["output"] + 500_000) // 10**6, "output": (paid["output"] + 500_000) // 10**6}

class Audit:
    """One folder under examination, and what its logs have said so far."""

    def __init__(self, folder):
        self.folder, self.export = folder, os.path.exists(os.path.join(folder, "export.json"))
        self.claims = {}  # log: [(size, root, who says so)], what its tree must have been
        self.named = {}  # tenant log: (size, root) by the newest `checkpoint` leaf
        self.rotated, self.prices, self.totals, self.opened, self.closed = [], {}, {}, [], []

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def json(self, name, form):
        """The value of a file that is one line of JSON."""
        with open(self.path(name), "rb") as file:
            return parse(file.read(), form, name)

    def check_names(self):
        """An export holds the files that the format names and no others."""
        need(self.json("export.json", {"v": 1}), "export.json", "empty")
        for place, folders, files in os.walk(self.folder):
            for names, allowed in (folders, FOLDERS), (files, FILES):
                for name in (os.path.relpath(os.path.join(place, name), self.folder) for name in names):
                    known = re.fullmatch(allowed, name.replace(os.sep, "/")) and not os.path.islink(self.path(name))
                    need(known, name, "not a file or folder of the format")

    def read_keys(self, first):
        """keys/log.pub holds the keys of this log, and the first of them is the one that the auditor knows."""
        with open(self.path("keys/log.pub"), "rb") as file:
            self.lines = file.read().decode().split("\n")
        need(self.lines.pop() == "" and self.lines, "keys/log.pub", "not lines of keys")
        self.keys = [read_key(line, 1, "keys/log.pub") for line in self.lines]
        need(all(key.name == self.origin for key in self.keys), "keys/log.pub", f"a key's name is not {self.origin}")
        need(first in (None, self.lines[0]), "keys/log.pub", "the first key is not the one given")

    def read_kept(self, path):
        """A checkpoint that was kept elsewhere is signed by a key of the log; its root must be met by the tree."""
        note = read_note(path)
        need(any(signed_by(note, key) for key in self.keys), path, "signed by no key in keys/log.pub")
        log = "deployment" if note.origin == self.origin else note.origin[len(self.origin + "/t/"):]
        need(note.origin in (self.origin, f"{self.origin}/t/{log}"), path, "of another deployment")
        self.claims.setdefault(log, []).append((note.size, note.root, f"the kept checkpoint {path}"))

    def price_list(self, version):
        """The price list of that version: its hash is its name, and `above` rises."""
        if version not in self.prices:
            name = f"prices/{version}.json"
            found = self.prices[version] = self.json(name, PRICES)["endpoints"]
            need(sha(dump({"endpoints": found, "v": 1}))[:8].hex() == version, name, "its hash is not its name")
            steps = [[step["above"] for step in price.get("long", ())] for price in found.values()]
            need(all(list(each) == sorted(set(each)) for each in steps), name, "`above` does not rise")
        return self.prices[version]

    def leaves(self, log, size):
        """Yields the leaves that are kept, in order: whole, chained to each other, and each with its hash in tree.0."""
        numbers = sorted(int(name[:8]) for name in os.listdir(self.path("logs", log, "leaves"))
                         if re.fullmatch(r"[0-9]{8}\.jsonl", name))
        known = os.path.getsize(self.path("logs", log, "tree.0"))
        need(known == 32 * size or known > 32 * size and not self.export, f"logs/{log}/tree.0", "not one hash per leaf")
        need(numbers and numbers[0] * CHUNK < size, f"logs/{log}/leaves", "no leaves")
        seq, at, previous = numbers[0] * CHUNK, 0, bytes(32)
        with open(self.path("logs", log, "tree.0"), "rb") as hashes:
            if seq:
                hashes.seek(32 * (seq - 1))
                previous = hashes.read(32)
            for number in numbers:
                name = f"logs/{log}/leaves/{number:08d}.jsonl"
                fits_in = seq == number * CHUNK and (seq < size or not self.export)
                need(fits_in, name, f"the leaves before this file end at {seq}")
                with open(self.path(name), "rb") as file:
                    for line in file:
                        where = f"log {log}, seq {seq}, {name}"
                        if seq == size:
                            need(not self.export, where, "a leaf past the checkpoint")
                            return
                        leaf = parse(line, LEAF, where)
                        need(leaf["seq"] == seq, where, f"seq is {leaf['seq']}")
                        need(leaf["prev"] == previous.hex(), where, "prev is not the hash of the leaf before")
                        need(leaf["at"] >= at, where, "at is earlier than that of the leaf before")
                        at, previous = leaf["at"], sha(b"\0" + line[:-1])
                        need(previous == hashes.read(32), where, "the leaf's hash is not the one in tree.0")
                        yield where, leaf
                        seq += 1
        need(seq == size, f"logs/{log}/leaves", f"ends before leaf {seq}, and the checkpoint's size is {size}")

    def count(self, log, month, model, sums):
        """Adds to the totals that totals.json must show."""
        total = self.totals[log].setdefault(month, {}).setdefault(model, dict.fromkeys(sums, 0))
        for name, amount in sums.items():
            total[name] += amount

    def check_request(self, where, record, log, counted):
        """A request's cost is what its usage and its price list say, and there is one only with a price."""
        usage, cost, price = record.get("usage"), record.get("cost"), None
        if "prices" in record:
            price = self.price_list(record["prices"]).get(record.get("endpoint"))
        due = usage_cost(usage, price) if usage and price else None
        need(cost == due, where, f"the cost is {cost}, and by usage and prices it is {due}")
        if counted:
            prompt = sum(usage[side] for side in PRICE if side != "output") if usage else 0
            month = datetime.fromtimestamp(record["started_us"] // 10**6, timezone.utc).strftime("%Y-%m")
            self.count(log, month, record.get("model", "-"), {
                "cached": usage["cached"] if usage else 0, "cost": sum(cost.values()) if cost else 0,
                "fee": record.get("fee", 0), "input": prompt, "output": usage["output"] if usage else 0, "requests": 1})

    def check_log(self, log, witnesses=()):
        """Everything about one log that can be told once the deployment's log has been read. Returns its summary."""
        home = f"logs/{log}"
        origin = self.origin + ("" if log == "deployment" else "/t/" + log)
        about = self.json(f"{home}/log.json", {"id": str, "origin": str, "v": 1, **(
            {} if log == "deployment" else {"tenant": str})})
        need((about["id"], about["origin"]) == (log, origin), f"{home}/log.json", "names another log")
        note = read_note(self.path(home, "checkpoint"))
        self.check_checkpoint(f"{home}/checkpoint", note, origin, witnesses)
        stated = self.stated["next"].get(log, 0)
        need(stated == note.size or not self.export or log == "deployment", "totals.json", f"log {log}: wrong `next`")
        self.totals[log], ids, purged, records, first = {}, set(), 0, 0, None
        claims = self.claims.setdefault(log, []) + [(note.size, note.root, f"{home}/checkpoint")]
        details = self.read_details(log)
        shown, missing = sorted(details or ()), []
        for where, leaf in self.leaves(log, note.size):
            seq, kind, record = leaf["seq"], leaf["kind"], leaf["record"]
            first = seq if first is None else first
            forms = OPERATOR if log == "deployment" else TENANT
            need(kind in forms, where, f"kind {kind} has no place in this log")
            need(fits(record, forms[kind]), where, f"members are missing, unknown or not of their type in this {kind}")
            need((kind == "open") == (seq == 0), where, "the first leaf, and no other, is `open`")
            if kind in ("request", "lost"):
                records += 1
                self.check_request(where, record, log, seq < stated)
                key = sha(record["id"].encode())[:16]
                need(key not in ids, where, f"the request id {record['id']} is there twice")
                ids.add(key)
                if "detail" in record and details is not None and seq in details:
                    need(details.pop(seq) == record["detail"], where, "the detail is not the one committed to")
                elif "detail" in record:
                    missing.append(seq)
            elif kind == "open":
                same = record == {"deployment": self.deployment, "log": log, "origin": origin}
                need(same, where, "opens another log")
            elif kind == "key":
                self.rotated.append(record["vkey"])
            elif kind == "checkpoint":
                named, size, root = record["log"], record["size"], record["root"]
                need(size >= self.named.get(named, (0,))[0], where, f"log {named} has shrunk")
                self.named[named] = size, root
                self.claims.setdefault(named, []).append((size, root, where))
            elif kind == "purge":
                need(record["from"] < record["to"] <= seq, where, "purges nothing, or leaves that were not yet there")
                need(record["from"] == purged or not purged, where, f"the purge before ended at {purged}")
                purged = record["to"]
                claims.append((purged, record["root"], where))
                for month, models in record["months"].items() if purged <= first else ():
                    for model, sums in models.items():
                        self.count(log, month, model, sums)
            elif kind == "erase":
                for pair in record["seqs"]:
                    need(len(pair) == 2 and pair[0] < pair[1] <= seq, where, "erases nothing, or what was not yet there")
                    low, high = bisect_left(shown, pair[0]), bisect_left(shown, pair[1])
                    need(low == high, where, "a detail that it says was destroyed is in details.jsonl")
                    del missing[bisect_left(missing, pair[0]):bisect_left(missing, pair[1])]
        need(first == 0 or any(size == first for size, _, _ in claims), home, "leaves are missing without a purge")
        return self.check_tree(home, note, claims)

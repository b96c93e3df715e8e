#!/usr/bin/env python3
"""Checks an audit log of Tollgate with none of Tollgate's own code. The format: audit-format.md, beside this file.
Without a checkpoint kept elsewhere, or a witness, whoever holds the log's key could have rewritten all of it."""
import argparse, base64, json, os, sys
from collections import Counter, defaultdict
from datetime import datetime, timezone
from functools import lru_cache
from hashlib import sha256
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CHUNK = 65536  # leaves in one file of leaves/
PROMPT = ("input", "cached", "cache_write", "cache_write_1h")
OPERATOR, TENANT = "open admin start stop mode key refused checkpoint", "open admin request lost erase purge"
dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode  # canonical JSON

class Wrong(Exception):
    """What is wrong, and where."""

def need(holds, where, what):
    if not holds:
        raise Wrong(f"{where}: {what}")

def parse(line, where):
    """The value of a line of canonical JSON: written again it is the same line, and all its numbers are integers."""
    value = json.loads(line.decode(), parse_float=int)
    need(dump(value).encode() == line, where, "not canonical JSON")
    return value

def signed_by(vkey, text, line, algorithm=1):
    """Whether a line is a signature over a text by a verifier key (algorithm 4: a witness's, over its time as well)."""
    name, number, body = vkey.split("+", 2)
    key, signature = base64.b64decode(body), base64.b64decode(line.split(" ")[-1])
    made = sha256(f"{name}\n".encode() + key).digest()[:4]
    need((number, body) == (made.hex(), base64.b64encode(key).decode()) and key[0] == algorithm, vkey, "no verifier key")
    if f"— {name} {base64.b64encode(signature).decode()}" != line or signature[:4] != made:
        return False
    if algorithm == 4:
        text, signature = f"cosignature/v1\ntime {int.from_bytes(signature[4:12], 'big')}\n{text}", signature[8:]
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())  # or raises InvalidSignature
    return True

def read_note(path, keys):
    """The text, origin, size, root and signatures of a checkpoint, the first of which is by one of the keys."""
    with open(path, "rb") as file:
        text, _, lines = file.read().decode().partition("\n\n")
    (origin, size, root), (*lines, end) = text.split("\n"), lines.split("\n")
    signed = any(signed_by(key, text + "\n", lines[0]) for key in keys) and len(set(lines)) == len(lines) and not end
    need(signed, path, "not a checkpoint signed by the log's key")
    return text + "\n", origin, int(size), base64.b64decode(root), lines

@lru_cache(maxsize=10_000)
def tree_hash(leaves, start, end):
    """RFC 6962, section 2.1, over leaf hashes of 32 bytes each. What trees have in common is computed once."""
    if end - start == 1:
        return leaves[32 * start:32 * end]
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    return sha256(b"\1" + tree_hash(leaves, start, middle) + tree_hash(leaves, middle, end)).digest()

def add(months, more):
    for month, models in more.items():
        for model, sums in models.items():
            total = months.setdefault(month, {}).setdefault(model, dict.fromkeys(sums, 0))
            total.update((name, total[name] + sums[name]) for name in sums)

class Audit:
    def __init__(self, folder, kept, witnesses, first_key):
        """Checks all that the format promises."""
        self.folder, self.kept, self.seen, self.prices, self.rotated, self.records = folder, kept, set(), {}, 0, 0
        self.tenants, self.claims = {}, defaultdict(list)  # log: (tenant, size); origin: [(size, root, who says so)]
        self.totals, self.export = {"logs": {}, "next": {}, "v": 1}, not os.path.isdir(f"{folder}/journal")
        self.opened = self.export and self.json("export.json")[0]["details"]
        self.deployment = self.json("deployment.json")[0]["deployment"]
        origin, self.keys = f"tollgate/{self.deployment}", [line.decode() for line in self.lines("keys/log.pub")]
        need(all(key.startswith(f"{origin}+") for key in self.keys), "keys/log.pub", "a key of another deployment")
        need(first_key in (None, self.keys[0]), "keys/log.pub", "the first key is not the one given")
        for path in kept:
            _, named, size, root, _ = read_note(path, self.keys)
            self.claims[named].append((size, root, path))
        self.summary = [self.check_log("deployment", origin, witnesses)]
        need(self.rotated + 1 == len(self.keys), "keys/log.pub", "not the first key and those that `key` leaves name")
        self.summary += [self.check_log(log, f"{origin}/t/{log}") for log in sorted(self.tenants)]
        need(not self.claims, list(self.claims), "no such log, and a checkpoint of it was kept")
        self.summary.append(f"all holds: {self.records} records in {len(self.summary)} logs")
        if self.export:
            need(self.lines("totals.json") == [dump(self.totals).encode()], "totals.json", "not what the records add up to")
            found = {os.path.relpath(f"{at}/{name}", folder) for at, _, names in os.walk(folder) for name in names}
            need(found == self.seen, found - self.seen, "not in the format, or named by no record")

    def lines(self, name):
        """The lines of a file, all of which end with a newline."""
        self.seen.add(name)
        with open(f"{self.folder}/{name}", "rb") as file:
            *lines, end = file.read().split(b"\n")
        need(not end, name, "ends within a line")
        return lines

    def json(self, name):
        return [parse(line, name) for line in self.lines(name)]

    def check_log(self, log, origin, witnesses=()):
        """One log: each leaf follows the one before, and all are the tree that was signed, named and kept."""
        home, operator, at = f"logs/{log}", log == "deployment", 0
        text, named, size, root, notes = read_note(f"{self.folder}/{home}/checkpoint", self.keys[-1:])
        about = {"id": log, "origin": origin, "v": 1, **({} if operator else {"tenant": self.tenants[log][0]})}
        need(named == origin and self.lines(f"{home}/log.json") == [dump(about).encode()], home, "of another log or tenant")
        need(operator or not self.export or size == self.tenants[log][1], home, "not as the deployment's log names it last")
        for witness in witnesses:
            need(any(signed_by(witness, text, line, 4) for line in notes), home, f"not signed by {witness}")
        self.seen.update({f"{home}/checkpoint", f"{home}/tree.0"})
        with open(f"{self.folder}/{home}/tree.0", "rb") as file:
            hashes = file.read()
        claims = self.claims.pop(origin, []) + [(size, root, f"{home}/checkpoint")]
        self.months, self.ids, self.missing, purged = {}, set(), set(), 0
        opened = self.json(f"{home}/details.jsonl") if self.opened and not operator else []
        self.details = {each["seq"]: each for each in opened}
        need(sorted(self.details) == [each["seq"] for each in opened], home, "the seqs in details.jsonl do not rise")
        files = [f"{home}/leaves/{seq // CHUNK:08d}.jsonl" for seq in range(0, size, CHUNK)]
        first = seq = CHUNK * [os.path.exists(f"{self.folder}/{name}") for name in files].index(True)
        for name in files[first // CHUNK:]:
            for line in self.lines(name)[:None if self.export else size - seq]:
                where, leaf, before = f"{name}, seq {seq}", parse(line, name), hashes[32 * seq - 32:32 * seq] or bytes(32)
                kind, record = leaf["kind"], leaf["record"]
                due = {"at": max(at, leaf["at"]), "kind": kind, "prev": before.hex(), "record": record, "seq": seq, "v": 1}
                need(dump(due).encode() == line, where, "does not follow the leaf before")
                need(sha256(b"\0" + line).digest() == hashes[32 * seq:32 * seq + 32], where, "its hash is not that in tree.0")
                need(kind in (OPERATOR if operator else TENANT).split(), where, f"{kind} has no place in this log")
                need((kind == "open") == (seq == 0), where, "`open` is the first leaf, and no other is")
                if kind == "open":
                    due = {"deployment": self.deployment, "log": log, "origin": origin}
                    need(record == due, where, "opens another log")
                elif kind in ("request", "lost"):
                    self.check_request(seq, record, where)
                elif kind == "erase":
                    for start, end in record["seqs"]:
                        self.missing.difference_update(range(start, min(end, seq)))
                elif kind == "purge":
                    need(record["from"] == purged or purged == 0 < first, where, "does not begin where the one before ended")
                    purged = record["to"]
                    claims.append((purged, bytes.fromhex(record["root"]), where))
                    add(self.months, record["months"])
                elif kind == "key":
                    signed = signed_by(self.keys[self.rotated], f"tollgate-audit-key/v1\n{record['vkey']}\n", record["signed"])
                    self.rotated += 1
                    need(signed and self.keys[self.rotated] == record["vkey"], where, "not announced by the key before")
                elif kind == "checkpoint":
                    tenant, before = self.tenants.get(record["log"], (record["tenant"], 1))
                    need((tenant, before) <= (record["tenant"], record["size"]) and tenant == record["tenant"], where, "shrunk")
                    self.tenants[record["log"]] = tenant, record["size"]
                    self.claims[f"{origin}/t/{record['log']}"].append((record["size"], bytes.fromhex(record["root"]), where))
                seq, at = seq + 1, leaf["at"]
        need(seq == size and (len(hashes) == 32 * size or not self.export), home, "is longer or shorter than its checkpoint")
        need(purged == first, home, f"leaves before {first} are missing, and those before {purged} were purged")
        need(not self.details and not (self.opened and self.missing), home, "details are missing, or another's")
        for size_then, root_then, where in claims:
            past = size_then > size and not self.export and where not in self.kept
            need(past or tree_hash(hashes, 0, size_then) == root_then, where, f"log {log} was another at {size_then} leaves")
        if not operator:
            self.totals["logs"][log], self.totals["next"][log] = self.months, size
        return f"{log}: {size} leaves, root {root.hex()}"

    def check_request(self, seq, record, where):
        """It is there once, its detail is the one committed to, its cost what its price list says; and it is counted."""
        need(record["id"] not in self.ids, where, f"request {record['id']} is there twice")
        self.ids.add(record["id"])
        opened, version, usage = self.details.pop(seq, None), record.get("prices"), Counter(record.get("usage"))
        if opened:
            data = b"tollgate-audit-detail/v1\n" + bytes.fromhex(opened["salt"]) + dump(opened["detail"]).encode()
            need(sha256(data).hexdigest() == record.get("detail"), where, "its detail is not the one committed to")
        elif "detail" in record:
            self.missing.add(seq)
        if version and version not in self.prices:
            [line] = self.lines(f"prices/{version}.json")
            need(sha256(line).hexdigest()[:16] == version, f"prices/{version}.json", "its hash is not its name")
            self.prices[version] = parse(line, f"prices/{version}.json")["endpoints"]
        price, due = self.prices.get(version, {}).get(record.get("endpoint")), None
        prompt = sum(usage[side] for side in PROMPT)
        if price and usage:
            price = [price, *(step for step in price["long"] if step["above"] < prompt)][-1]
            sides = {"input": sum(usage[side] * price[side] for side in PROMPT), "output": usage["output"] * price["output"]}
            due = {side: (amount + 500_000) // 1_000_000 for side, amount in sides.items()}
        need(record.get("cost") == due, where, f"its cost is {record.get('cost')}, and by its price list {due}")
        month = datetime.fromtimestamp(record["started_us"] // 10**6, timezone.utc).strftime("%Y-%m")
        add(self.months, {month: {record.get("model", "-"): {
            "cached": usage["cached"], "cost": sum((due or {}).values()), "fee": record.get("fee", 0), "input": prompt,
            "output": usage["output"], "requests": 1}}})
        self.records += 1

def verify(folder, kept=(), witnesses=(), key=None):
    """Raises Wrong unless all holds; else returns what there is, line by line."""
    try:
        return Audit(folder, kept, witnesses, key).summary
    except Exception as error:  # what cannot be read is a finding
        raise error if isinstance(error, Wrong) else Wrong(f"cannot be read: {type(error).__name__}: {error}") from None

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Checks an audit log of Tollgate: an export or a data folder.")
    parser.add_argument("folder")
    parser.add_argument("--kept", action="append", default=[], help="a checkpoint file that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], dest="witnesses", help="verifier key of a witness")
    parser.add_argument("--key", help="the first verifier key of the log, as it was published")
    try:
        print("\n".join(verify(**vars(parser.parse_args()))))
    except Wrong as wrong:
        print("WRONG:", ascii(str(wrong)))
        sys.exit(1)

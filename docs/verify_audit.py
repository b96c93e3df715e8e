"""Checks an audit log of Tollgate with none of Tollgate's own code. The format: audit-format.md, beside this file.
Without a checkpoint kept elsewhere, or a witness, whoever holds the log's key could have rewritten all of it."""
import argparse, base64, collections, functools, json, os, sys, time
from hashlib import sha256
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CHUNK = 65536  # leaves in one file of leaves/
COST = {"input": ("input", "cached", "cache_write", "cache_write_1h"), "output": ("output",)}  # what each side is of
KINDS = {True: "admin start stop mode key refused checkpoint", False: "admin request lost erase purge"}  # after `open`

class Wrong(Exception): """What is wrong, and where."""
def need(holds, where, what):
    if not holds: raise Wrong(f"{where}: {what}")
def dump(value):  # a line of canonical JSON
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
def parse(line, where):  # canonical: written again it is the same line, and all its numbers are integers
    value = json.loads(line.decode(), parse_float=int)
    need(dump(value) == line, where, "not canonical JSON")
    return value

def signed_by(vkey, text, line, algorithm=1):  # algorithm 4 is a witness's, who signs the time as well
    name, number, key = vkey.split("+", 2)
    key, signature = base64.b64decode(key, validate=True), base64.b64decode(line.split(" ")[-1])
    need(sha256(f"{name}\n".encode() + key).hexdigest()[:8] == number and key[0] == algorithm, vkey, "no verifier key")
    if f"— {name} {base64.b64encode(signature).decode()}" != line or signature[:4].hex() != number: return False
    if algorithm == 4:
        text, signature = f"cosignature/v1\ntime {int.from_bytes(signature[4:12], 'big')}\n{text}", signature[8:]
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())  # or raises InvalidSignature
    return True

def read_note(data, keys, where):  # a checkpoint, whose first signature is by one of the keys
    text, lines = data.decode().split("\n\n")
    (origin, size, root), (*lines, end) = text.split("\n"), lines.split("\n")
    need(not end and len(set(lines)) == len(lines) and all(line.startswith("— ") for line in lines), where, "no note")
    signed = any(signed_by(key, text + "\n", lines[0]) for key in keys)
    need(signed and lines[0].startswith(f"— {origin.split('/t/')[0]} "), where, "not signed by the log's key")
    return text + "\n", origin, int(size), base64.b64decode(root).hex(), lines

@functools.lru_cache(maxsize=10_000)
def tree_hash(leaves, start, end):  # RFC 6962, section 2.1, over leaf hashes of 32 bytes each
    if end - start == 1: return leaves[32 * start:32 * end]
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    return sha256(b"\1" + tree_hash(leaves, start, middle) + tree_hash(leaves, middle, end)).digest()

def add(months, more):
    for month, models in more.items():
        for model, sums in models.items():
            total = months.setdefault(month, {}).setdefault(model, {})
            total.update((it, total.get(it, 0) + sums[it]) for it in sums if sums[it] or it != "at_most")

def cost_at(price, usage, tier):  # of tokens, by an endpoint's prices at a service tier
    price, prompt = price.get("tiers", {}).get(tier, price), sum(usage[it] for it in COST["input"])
    price = [price, *(step for step in price["long"] if step["above"] < prompt)][-1]
    paid = {side: sum(usage[it] * price[it] for it in COST[side]) for side in COST}
    for side, audio in (("input", "audio_input"), ("output", "audio_output")):  # a part of that side
        paid[side] += min(usage[audio], usage[side]) * (price.get(audio, price[side]) - price[side])
    return {side: (paid[side] + 500_000) // 1_000_000 for side in COST}

class Audit:
    def __init__(self, folder, kept, witnesses, first_key):
        self.folder, self.seen, self.prices, self.rotated, self.ids = folder, set(), {}, 0, set()
        self.tenants, self.claims = {}, collections.defaultdict(list)  # log: (tenant, size); origin: (size, root, who)s
        self.totals, self.export = {"logs": {}, "next": {}, "v": 1}, not os.path.isdir(f"{folder}/journal")
        exports = [dump({"details": shown, "v": 1}) for shown in (False, True)]
        self.opened = self.export and exports.index(self.read("export.json")) == 1
        self.deployment = parse(self.read("deployment.json"), "deployment.json")["deployment"]
        origin, (*self.keys, end) = f"tollgate/{self.deployment}", self.read("keys/log.pub").decode().split("\n")
        need(self.read("deployment.json") == dump({"deployment": self.deployment, "v": 1}), "deployment.json", "odd")
        need(not end and first_key in (None, self.keys[0]), "keys/log.pub", "the first key is not the one given")
        for path in kept:
            _, named, size, root, _ = read_note(self.read(os.path.abspath(path)), self.keys, path)
            self.claims[named].append((size, root, path))
        self.summary = [self.check_log("deployment", origin, witnesses)]
        need(self.rotated + 1 == len(self.keys), "keys/log.pub", "not the first key and those that `key` leaves name")
        self.summary += [self.check_log(log, f"{origin}/t/{log}") for log in sorted(self.tenants)]
        need(not self.claims, list(self.claims), "there is no such log, and a checkpoint of it was kept")
        self.summary.append(f"all holds: {len(self.ids)} records in {len(self.summary)} logs")
        if self.export:
            need(self.read("totals.json") == dump(self.totals), "totals.json", "not what the records add up to")
            found = {os.path.relpath(f"{at}/{name}", folder) for at, _, names in os.walk(folder) for name in names}
            need(found <= self.seen, found - self.seen, "not in the format, or named by no record")
    def read(self, name):
        self.seen.add(name)
        with open(os.path.join(self.folder, name), "rb") as file: return file.read()

    def check_log(self, log, origin, witnesses=()):  # its leaves are chained, and the tree that was signed, named, kept
        home, operator, purged, at = f"logs/{log}", log == "deployment", 0, 0
        text, named, size, root, notes = read_note(self.read(f"{home}/checkpoint"), self.keys[-1:], home)
        signed = all(any(signed_by(witness, text, line, 4) for line in notes) for witness in witnesses)
        tenant, size_named = self.tenants.get(log, (None, size))
        about = dump({"id": log, "origin": origin, "v": 1, **({} if operator else {"tenant": tenant})})
        need(signed and (named, self.read(f"{home}/log.json")) == (origin, about), home, "not its own, or unwitnessed")
        opening, kinds = {"deployment": self.deployment, "log": log, "origin": origin}, KINDS[operator].split()
        claims = self.claims.pop(origin, []) + [(size, root, f"{home}/checkpoint")]
        self.months, self.missing, hashes = {}, set(), self.read(f"{home}/tree.0")
        need(not self.export or (size_named, len(hashes)) == (size, 32 * size), home, "not of the size that is named")
        details = self.read(f"{home}/details.jsonl") if self.opened and not operator else b""
        opened = [parse(line, f"{home}/details.jsonl") for line in details.splitlines(True)]
        self.details = {each["seq"]: sha256(b"tollgate-audit-detail/v1\n" + bytes.fromhex(each["salt"]) +
                                            dump(each["detail"])[:-1]).hexdigest() for each in opened}
        exact = {each["seq"] for each in opened if bytes.fromhex(each["salt"]).hex() == each["salt"] and len(each) == 3}
        need(sorted(exact) == [each["seq"] for each in opened], home, "details.jsonl does not rise, or has odd lines")
        files = [f"{home}/leaves/{seq // CHUNK:08d}.jsonl" for seq in range(0, size, CHUNK)]
        first = seq = CHUNK * [os.path.exists(f"{self.folder}/{name}") for name in files].index(True)
        for name in files[first // CHUNK:]:
            for line in self.read(name).splitlines(True)[:None if self.export else size - seq]:
                where, before = f"{name}, seq {seq}", hashes[32 * seq - 32:32 * seq] or bytes(32)
                leaf = parse(line, where)
                kind, record, at = leaf["kind"], leaf["record"], max(at, leaf["at"])
                follows = {"at": at, "kind": kind, "prev": before.hex(), "record": record, "seq": seq, "v": 1}
                chained = dump(follows) == line and sha256(b"\0" + line[:-1]).digest() == hashes[32 * seq:32 * seq + 32]
                need(chained, where, "does not follow the leaf before, or its hash is not that in tree.0")
                need((kind, record) == ("open", opening) if seq == 0 else kind in kinds, where, f"misplaced `{kind}`")
                if kind in ("request", "lost"): self.check_request(seq, record, where)
                elif kind == "erase":
                    for start, end in record["seqs"]: self.missing.difference_update(range(start, min(end, seq)))
                elif kind == "purge":
                    need(record["from"] == purged or purged == 0 < first, where, "does not begin where one ended")
                    purged, claims = record["to"], claims + [(record["to"], record["root"], where)]
                    add(self.months, record["months"])
                elif kind == "key":
                    text, self.rotated = f"tollgate-audit-key/v1\n{record['vkey']}\n", self.rotated + 1
                    signed = signed_by(self.keys[self.rotated - 1], text, record["signed"])
                    need(signed and self.keys[self.rotated] == record["vkey"], where, "not announced by the key before")
                elif kind == "checkpoint":
                    whose, last = self.tenants.get(record["log"], (record["tenant"], 1))
                    need(whose == record["tenant"] and last <= record["size"], where, "of another tenant, or shrunk")
                    self.tenants[record["log"]] = whose, record["size"]
                    self.claims[f"{origin}/t/{record['log']}"].append((record["size"], record["root"], where))
                seq += 1
        need(seq == size and purged == first, home, f"has leaves {first} to {seq} of {size}, and {purged} were purged")
        need(not self.details and not (self.opened and self.missing), home, "details are missing, or of no record")
        for end, then, where in claims:
            need(0 < end <= len(hashes) // 32 and tree_hash(hashes, 0, end).hex() == then, where, "it was another log")
        if not operator: self.totals["logs"][log], self.totals["next"][log] = self.months, size
        return f"{log}: {size} leaves, root {root}"

    def check_request(self, seq, record, where):  # its id, detail and amounts; and it is counted
        need(record["id"] not in self.ids, where, "this request is there twice")
        self.ids.add(record["id"])
        need(self.details.get(seq) in (None, record.get("detail")), where, "its detail is not the one committed to")
        if "detail" in record and not self.details.pop(seq, None): self.missing.add(seq)
        version, usage, fee = record.get("prices"), collections.Counter(record.get("usage")), record.get("fee", 0)
        if version and version not in self.prices:
            line = self.read(f"prices/{version}.json")
            need(sha256(line[:-1]).hexdigest()[:16] == version, where, "its price list has another hash")
            self.prices[version] = parse(line, where)["endpoints"]
        prices, lost, due, saved = self.prices.get(version, {}), 0, None, None
        if usage and (price := prices.get(record.get("endpoint"))):
            due = cost_at(price, usage, record.get("tier"))
            if record.get("race") == "flex":  # a race that the flex tier has won
                saved = max(0, sum(cost_at(price, usage, None).values()) - sum(due.values())) or None
        need(record.get("cost") == due, where, f"its cost is {record.get('cost')}, and by its price list {due}")
        need(record.get("saved") == saved, where, f"it saved {record.get('saved')}, and by its price list {saved}")
        part = "saving_fee" not in record or 0 <= record["saving_fee"] <= min(saved or -1, fee)
        need(part, where, "its saving_fee is no part of its fee and of what it saved")
        for attempt in record.get("attempts", ()):  # what those that were cancelled may have cost
            taken, most = collections.Counter({it: attempt[it] for it in COST if it in attempt}), None
            if taken and (price := prices.get(attempt["endpoint"])):
                most = sum(cost_at(price, taken, attempt.get("tier")).values())
            need(attempt.get("at_most") == most, where, f"{attempt} may have cost {most} by its price list")
            lost += most or 0
        month, cost = time.strftime("%Y-%m", time.gmtime(record["started_us"] // 1_000_000)), sum((due or {}).values())
        add(self.months, {month: {record.get("model", "-"): {"at_most": lost, "cached": usage["cached"], "cost": cost,
            "fee": fee, "input": sum(usage[it] for it in COST["input"]), "output": usage["output"],
            "requests": 1}}})

def verify(folder, kept=(), witnesses=(), key=None):  # raises Wrong, also for what cannot be read; or returns a summary
    try: return Audit(folder, kept, witnesses, key).summary
    except Exception as error:
        raise error if isinstance(error, Wrong) else Wrong(f"cannot be read: {type(error).__name__}: {error}") from None

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Checks an audit log of Tollgate: an export or a data folder.")
    parser.add_argument("folder")
    parser.add_argument("--kept", action="append", default=[], help="a checkpoint file that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], dest="witnesses", help="verifier key of a witness")
    parser.add_argument("--key", help="the first verifier key of the log, as it was published")
    try: print(*verify(**vars(parser.parse_args())), sep="\n")
    except Wrong as wrong: sys.exit(print("WRONG:", ascii(str(wrong))) or 1)

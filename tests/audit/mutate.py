#!/usr/bin/env python3
"""Changes an export in ten thousand ways, one at a time, and asserts that docs/verify_audit.py finds each of them.

    python3 tests/audit/mutate.py [--count 10000] [--seed N] [EXPORT KEPT_DIR [--key VKEY] [--witness VKEY ...]]

Without EXPORT it makes a sample, whose keys it knows, and so also tries what a thief of the key could do. With EXPORT,
KEPT_DIR holds checkpoints that were kept of it, and the kinds of mutation that need the log's key are left out.
"""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter

sys.dont_write_bytecode = True  # nothing is left in docs/
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "docs"), HERE]
import sample  # noqa: E402
import verify_audit  # noqa: E402


class Redraw(Exception):
    """This draw changes nothing, or nothing that the format protects."""


class Folder:
    """An export on disk that is changed in a few files, and then put back."""

    def __init__(self, path):
        self.path, self.touched = path, set()
        self.files = {}
        for place, _, names in os.walk(path):
            for name in names:
                full = os.path.join(place, name)
                with open(full, "rb") as file:
                    self.files[os.path.relpath(full, path)] = file.read()
        self.names = sorted(self.files)

    def put(self, name, data):
        """Writes a file, or deletes it (None)."""
        self.touched.add(name)
        full = os.path.join(self.path, name)
        if data is None:
            os.unlink(full)
            return
        with open(full, "wb") as file:
            file.write(data)

    def restore(self):
        for name in self.touched:
            with open(os.path.join(self.path, name), "wb") as file:
                file.write(self.files[name])
        self.touched.clear()


def any_file(folder, draw, lines=0):
    """A file, by chance by its length or not, so that small files are changed too, and large ones in many places."""
    names = [name for name in folder.names if folder.files[name].count(b"\n") >= lines and folder.files[name]]
    if lines:
        names = [name for name in names if not name.endswith("tree.0")]
    weights = [len(folder.files[name]) if draw.random() < 0.5 else 1 for name in names]
    name = draw.choices(names, weights)[0]
    return name, folder.files[name]


def replace(folder, name, data):
    """Changes one file. Redraws what is no change."""
    if data == folder.files[name]:
        raise Redraw
    folder.put(name, data)
    return name


def bit_flip(folder, draw):
    name, data = any_file(folder, draw)
    place, bit = draw.randrange(len(data)), 1 << draw.randrange(8)
    flipped = bytes([data[place] ^ bit])
    return f"{replace(folder, name, data[:place] + flipped + data[place + 1:])}, byte {place}, bit {bit}"


def cut_at_end(folder, draw):
    name, data = any_file(folder, draw)
    end = draw.choice((len(data) - 1, draw.randrange(len(data))))
    return f"{replace(folder, name, data[:end])} to {end} bytes"


def byte_removed(folder, draw):
    name, data = any_file(folder, draw)
    place = draw.randrange(len(data))
    return f"{replace(folder, name, data[:place] + data[place + 1:])}, byte {place}"


def byte_inserted(folder, draw):
    name, data = any_file(folder, draw)
    place, byte = draw.randrange(len(data) + 1), draw.choice((draw.randrange(256), 10, 32, 48))
    return f"{replace(folder, name, data[:place] + bytes([byte]) + data[place:])}, byte {byte} at {place}"


def line_deleted(folder, draw):
    name, data = any_file(folder, draw, 1)
    lines = data.splitlines(keepends=True)
    del lines[(place := draw.randrange(len(lines)))]
    return f"{replace(folder, name, b''.join(lines))}, line {place}"


def line_duplicated(folder, draw):
    name, data = any_file(folder, draw, 1)
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    lines.insert(draw.choice((place, draw.randrange(len(lines) + 1))), lines[place])
    return f"{replace(folder, name, b''.join(lines))}, line {place}"


def lines_swapped(folder, draw):
    name, data = any_file(folder, draw, 2)
    lines = data.splitlines(keepends=True)
    one, two = draw.sample(range(len(lines)), 2)
    lines[one], lines[two] = lines[two], lines[one]
    return f"{replace(folder, name, b''.join(lines))}, lines {one} and {two}"


def file_deleted(folder, draw):
    name = draw.choice(folder.names)
    folder.put(name, None)
    return name


def files_swapped(folder, draw):
    one, two = draw.sample(folder.names, 2)
    if draw.random() < 0.5:  # two of a sort are harder to tell apart
        alike = [name for name in folder.names if os.path.basename(name) == os.path.basename(one) and name != one]
        two = draw.choice(alike or [two])
    if folder.files[one] == folder.files[two]:
        raise Redraw
    folder.put(one, folder.files[two])
    folder.put(two, folder.files[one])
    return f"{one} and {two}"


def file_added(folder, draw):
    name = draw.choice(folder.names)
    new = os.path.join(os.path.dirname(name), draw.choice((".hidden", "00000099.jsonl", "0123456789abcdef.json", "x")))
    if new in folder.files:
        raise Redraw
    full = os.path.join(folder.path, new)
    with open(full, "wb") as file:
        file.write(draw.choice((b"", folder.files[name])))
    folder.added = full
    return new


def leaf_and_tree(folder, draw):
    """A leaf is changed, the hashes and the chain after it are made right, and nothing is signed again."""
    logs = sorted({os.path.dirname(name) for name in folder.names if name.endswith("tree.0")})
    home = draw.choice(logs)
    names = [name for name in folder.names if name.startswith(home + "/leaves/")]
    lines = [line for name in names for line in folder.files[name].splitlines()]
    tree = folder.files[home + "/tree.0"]
    first, place = len(tree) // 32 - len(lines), draw.randrange(len(lines))
    leaves = [json.loads(line) for line in lines]
    leaves[place]["at" if draw.random() < 0.3 else "record"] = (
        leaves[place]["at"] + 1 if draw.random() < 0.3 else leaves[draw.randrange(len(leaves))]["record"])
    out, hashes, at = [], [], first + place
    for number in range(place, len(leaves)):
        if hashes:
            leaves[number]["prev"] = hashes[-1].hex()
        out.append(sample.line(leaves[number]))
        hashes.append(sample.sha(b"\0" + out[-1][:-1]))
    lines = [line + b"\n" for line in lines[:place]] + out
    if tree[:32 * at] + b"".join(hashes) == tree:
        raise Redraw
    for name in names:
        size = folder.files[name].count(b"\n")
        folder.put(name, b"".join(lines[:size]))
        lines = lines[size:]
    folder.put(home + "/tree.0", tree[:32 * at] + b"".join(hashes))
    return f"{home}, leaf {at}"


def race_retold(folder, draw):
    """What a record says of its race is changed, and nothing else: why it was begun, when, for what, how it ended."""
    told = [(name, place) for name in folder.names if "/leaves/" in name
            for place, line in enumerate(folder.files[name].splitlines()) if b'"at_ms":' in line]
    if not told:
        raise Redraw
    name, place = draw.choice(told)
    lines = folder.files[name].splitlines(keepends=True)
    leaf = json.loads(lines[place])
    what = retell(leaf["record"], draw)
    lines[place] = sample.line(leaf)
    return f"{replace(folder, name, b''.join(lines))}, line {place}, {what}"


def retell(record, draw):
    """Changes a member that tells of a race. Says which."""
    attempt = draw.choice(record["attempts"])
    member = draw.choice(("at_ms", "failed", "why", "tier_asked", "race", "start_within", "at_most", "input", "saved"))
    if member == "at_ms":
        attempt["at_ms"] += 1
    elif member == "failed":
        attempt["failed"] = "timeout" if attempt.get("failed") == "lost" else "lost"
    elif member == "why":
        attempt["why"] = "late" if attempt.get("why") != "late" else "refused"
    elif member in ("at_most", "input"):
        attempt[member] = attempt.get(member, 0) + 1
    elif member == "saved":
        record["saved"] = record.get("saved", 0) + 1
    elif member == "race":
        record["race"] = "none" if record["race"] != "none" else "first"
    else:
        record[member] = "priority" if record.get(member) != "priority" else "flex"
    return member


def tenant_renamed(folder, draw):
    """A log is given to another tenant, in its log.json alone."""
    name = draw.choice([name for name in folder.names if name.endswith("/log.json")])
    about = json.loads(folder.files[name])
    about["tenant"] = draw.choice(("", "acme", "umbrella", about.get("tenant", "") + " 2"))
    return replace(folder, name, sample.line(about))


def details_swapped_or_deleted(folder, draw):
    """The opened details of a tenant are gone, or are another's; or export.json denies that there are any."""
    names = [name for name in folder.names if name.endswith("/details.jsonl")]
    if not names:
        raise Redraw
    name = draw.choice(names)
    what = draw.choice(("deleted", "emptied", "swapped", "denied", "all deleted"))
    if what == "deleted":
        folder.put(name, None)
    elif what == "emptied":
        replace(folder, name, b"")
    elif what == "swapped":
        other = draw.choice(names)
        replace(folder, name, folder.files[other])
        folder.put(other, folder.files[name])
    elif what == "denied":
        replace(folder, "export.json", sample.line({"details": False, "v": 1}))
    else:
        for each in names:
            folder.put(each, None)
    return f"{name} {what}"


# With the sample's keys. `other` is a folder that the changed story is built in.

def kept_end(story):
    """How many events an auditor's newest kept checkpoint covers."""
    return story.cuts[-2]


def rollback(story, other, draw):
    cut = draw.choice([cut for cut in story.cuts if cut < kept_end(story)])
    sample.build(story, other, cut)
    return f"to event {cut}"


def some_request(story, draw, end):
    events = enumerate(story.events[:end])
    return draw.choice([number for number, (_, _, kind, _) in events if kind in ("request", "lost")])


def changed_and_signed(story, other, draw):
    """A record from before the kept checkpoint is changed and all is made right again, totals and prices too."""
    story = story.copy()
    event = story.events[(place := some_request(story, draw, kept_end(story)))]
    record = event[3]
    member = draw.choice(("id", "key", "started_us", "usage", "at", "outcome", "model", "fee", "why", "at_ms", "lost"))
    if member == "usage" and "usage" in record:
        record["usage"]["input"] += draw.randrange(1, 10**6)
        if "cost" in record:
            price = story.prices[record["prices"]]["endpoints"][record["endpoint"]]
            record["cost"] = sample.cost_of(record["usage"], price, record.get("tier"))
            if record.get("race") == "flex":
                for gone in ("saved", "saving_fee"):
                    record.pop(gone, None)
                if (saved := sample.saved_of(record, price)) > 0:
                    record["saved"] = saved
    elif member in ("why", "at_ms") and "race" in record:
        record["attempts"][-1][member] = {"why": "fallback or so", "at_ms": 5}[member]
    elif member == "lost" and "race" in record:
        record["attempts"] = [attempt for attempt in record["attempts"] if attempt.get("failed") != "lost"]
    elif member == "started_us":
        record["started_us"] += draw.choice((-1, 10**12))
    elif member == "at":
        for later in story.events[place:]:
            later[1] += 1
    elif member == "fee":
        record["fee"] = record.get("fee", 0) + 1
    elif member == "outcome" and event[2] == "request":
        record["outcome"] = "hung_up" if record["outcome"] != "hung_up" else "answered"
    elif member in ("id", "key", "model"):
        record[member] = record.get(member, "") + "x"
        if member == "id" and "detail" in record:
            raise Redraw  # the story keeps details by id
    else:
        raise Redraw
    sample.build(story, other)
    return f"event {place}, {member}"


def cost_and_signed(story, other, draw):
    """A cost or a usage is changed in any record, also a new one, and signed: the prices tell."""
    story = story.copy()
    spared = list(story.tenants)[1]  # no leaf of this log is purged, nor one of the last round
    priced = [event for place, event in enumerate(story.events)
              if "cost" in event[3] and (event[0] == spared or place >= kept_end(story))]
    event = draw.choice(priced)
    log, later = event[0], story.events.index(event)
    record, side = event[3], draw.choice(("input", "output"))
    change = draw.choice(("cost", "usage", "no cost"))
    if change == "cost":
        record["cost"][side] += draw.choice((1, 1000)) if record["cost"][side] == 0 else draw.choice((-1, 1, 1000))
    elif change == "usage":
        record["usage"][side] += 1000
    else:
        del record["cost"]
    sample.build(story, other)
    return f"log {log}, event {later}, {change}, {side}"


def race_and_signed(story, other, draw):
    """What a race saved or may have cost is changed in any record, also a new one, and signed: the prices tell."""
    story = story.copy()
    spared = list(story.tenants)[1]  # as above
    change = draw.choice(("at_most", "no at_most", "tokens", "tier", "race", "saved", "no saved", "saving_fee"))
    of_lost = change in ("at_most", "no at_most", "tokens", "tier")
    raced = [event[3] for place, event in enumerate(story.events)
             if ("at_most" in json.dumps(event[3].get("attempts")) if of_lost else "saved" in event[3])
             and (event[0] == spared or place >= kept_end(story))]
    if not raced:
        raise Redraw
    record = draw.choice(raced)
    if of_lost:
        lost_retold(story, record, change, draw)
    elif change == "saved":
        record["saved"] += draw.choice((-1, 1, 1000))
    elif change == "saving_fee":  # more of a fee, or of what was saved, than there is
        record["saving_fee"] = draw.choice((record["saved"], record.get("fee", 0))) + 1
        if record["saving_fee"] <= min(record["saved"], record.get("fee", 0)):
            raise Redraw
    elif change == "race":
        record["race"] = "standard"
    else:
        del record["saved"]
    sample.build(story, other)
    return f"request {record['id']}, {change}"


def lost_retold(story, record, change, draw):
    """Makes one lost attempt of a record wrong, but not the others."""
    attempt = draw.choice([attempt for attempt in record["attempts"] if "at_most" in attempt])
    if change == "at_most":
        attempt["at_most"] += 1 if attempt["at_most"] == 0 else draw.choice((-1, 1, 1000))
    elif change == "no at_most":
        del attempt["at_most"]
    elif change == "tokens":
        side = draw.choice(("input", "output"))
        attempt[side] = attempt.get(side, 0) + 1000
    else:
        attempt["tier"] = "flex" if attempt["tier"] != "flex" else "standard"
    price = story.prices[record["prices"]]["endpoints"][attempt["endpoint"]]
    if attempt.get("at_most") == sample.at_most_of(attempt, price):
        raise Redraw


def totals_changed(story, other, draw):
    """Nothing but the totals is wrong: one record is counted too often, or not at all; or what its race has lost."""
    whole = {}
    for log in story.tenants:
        whole[log] = [(kind, record) for name, _, kind, record in story.events
                      if name == log and kind in ("request", "lost")]
    log = draw.choice(list(story.tenants))
    place = draw.randrange(len(whole[log]))
    kind, record = whole[log][place]
    if sample.lost_of(record) and draw.random() < 0.5:
        whole[log][place] = kind, {**record, "attempts": []}
    else:
        whole[log].insert(place, whole[log][place]) if draw.random() < 0.5 else whole[log].pop(place)
    sample.build(story, other, wrong_totals=whole)
    return f"log {log}, record {place}"


def deleted_and_signed(story, other, draw):
    story = story.copy()
    del story.events[(place := some_request(story, draw, kept_end(story)))]
    sample.build(story, other)
    return f"event {place}"


def any_key(draw):
    return sample.Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))


def fresh_key(story, other, draw):
    """All is signed by a key that nobody published; now and then a record is changed too."""
    story = story.copy()
    story.keys[0] = any_key(draw)
    if draw.random() < 0.5:
        story.keys[-1] = any_key(draw)
    for event in story.events:
        if event[2] == "key":
            event[3] = sample.announcement(story.origin, story.keys[1], story.keys[0])
    if draw.random() < 0.5:
        story.events[some_request(story, draw, None)][3]["key"] = "k_other"
    sample.build(story, other)
    return f"keys {[sample.vkey(story.origin, 1, key)[-44:] for key in story.keys]}"


def forged_rotation(story, other, draw):
    """Somebody announces a key of his own and signs all with it; he has not the key before."""
    story = story.copy()
    old, story.keys[-1] = story.keys[-1], any_key(draw)
    how = draw.choice(("the new key signs for itself", "the old line", "the old id", "a new key at the end"))
    forger = story.keys[-1]
    for event in story.events:
        if event[2] == "key" and how != "a new key at the end":
            record = sample.announcement(story.origin, story.keys[-1], forger)
            if how == "the old line":
                record["signed"] = event[3]["signed"]
            elif how == "the old id":
                signature = sample.base64.b64decode(record["signed"][-92:])[4:]
                raw = sample.key_id(story.origin, 1, story.keys[0]) + signature
                record["signed"] = f"— {story.origin} {sample.b64(raw)}"
            event[3] = record
    if how == "a new key at the end":
        story.keys[-1:] = [old, any_key(draw)]
        record = sample.announcement(story.origin, story.keys[-1], story.keys[-1])
        story.events.append(["deployment", story.at, "key", record])
    sample.build(story, other)
    return how


def tenant_renamed_and_signed(story, other, draw):
    """Another tenant's name in log.json and in all leaves, signed: the kept checkpoints tell."""
    story = story.copy()
    log = draw.choice(list(story.tenants))
    story.tenants = {**story.tenants, log: draw.choice(("umbrella", "", "acme "))}
    sample.build(story, other)
    return f"log {log}, {story.tenants[log]!r}"


def fresh_signature(folder, draw):
    """One checkpoint is signed by a fresh key, under the name and the id of the log's."""
    name = draw.choice([name for name in folder.names if name.endswith("/checkpoint")])
    text, signatures = folder.files[name].decode().split("\n\n")
    first, *rest = signatures.splitlines()
    dash, signer, body = first.split(" ")
    key = any_key(draw)
    body = sample.b64(sample.base64.b64decode(body)[:4] + key.sign(text.encode() + b"\n"))
    folder.put(name, ("\n".join([text, "", f"{dash} {signer} {body}", *rest]) + "\n").encode())
    return name


# What each kind is called: what does it, and how often.
PLAIN = {
    "bit flipped": (bit_flip, 30),
    "cut at the end": (cut_at_end, 8),
    "byte removed": (byte_removed, 8),
    "byte inserted": (byte_inserted, 8),
    "line deleted": (line_deleted, 6),
    "line duplicated": (line_duplicated, 5),
    "two lines swapped": (lines_swapped, 5),
    "file deleted": (file_deleted, 4),
    "files swapped": (files_swapped, 4),
    "file added": (file_added, 3),
    "leaf and tree.0 changed, not signed": (leaf_and_tree, 5),
    "signature by another key": (fresh_signature, 2),
    "race told otherwise, not signed": (race_retold, 4),
    "tenant renamed in log.json": (tenant_renamed, 2),
    "details.jsonl swapped or deleted": (details_swapped_or_deleted, 2),
}
KEYED = {
    "rolled back to an earlier state": (rollback, 2),
    "record changed, signed with the key": (changed_and_signed, 4),
    "cost changed, signed with the key": (cost_and_signed, 3),
    "race changed, signed with the key": (race_and_signed, 4),
    "record deleted, signed with the key": (deleted_and_signed, 3),
    "totals changed": (totals_changed, 2),
    "all signed by a fresh key": (fresh_key, 3),
    "key rotation forged without the old key": (forged_rotation, 3),
    "tenant renamed everywhere, signed with the key": (tenant_renamed_and_signed, 2),
}

UNKEPT = ("cost changed, signed with the key", "race changed, signed with the key", "totals changed",
          "key rotation forged without the old key")


def found(path, given):
    try:
        verify_audit.verify(path, **given)
        return None
    except verify_audit.Wrong as wrong:
        return str(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("export", nargs="?")
    parser.add_argument("kept", nargs="?")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--key")
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--show", type=int, default=0, help="print this many of the findings")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    draw, work = random.Random(seed), tempfile.mkdtemp(prefix="tollgate-mutate-")
    try:
        return run(options, seed, draw, work)
    finally:
        shutil.rmtree(work)


def run(options, seed, draw, work):
    path, other, story, kinds = os.path.join(work, "export"), os.path.join(work, "other"), None, dict(PLAIN)
    if options.export:
        shutil.copytree(options.export, path)
        kept = [os.path.join(options.kept, name) for name in sorted(os.listdir(options.kept))] if options.kept else []
        with open(os.path.join(path, "keys", "log.pub")) as file:
            given = {"kept": kept, "witnesses": options.witness, "key": options.key or file.readline().strip()}
    else:
        verify_audit.CHUNK = sample.CHUNK
        story, given = sample.write(path, seed=seed)
        kinds.update(KEYED)
    print(f"seed {seed}")
    print("\n".join(verify_audit.verify(path, **given)))
    folder, counts, missed, redrawn = Folder(path), Counter(), [], 0
    while sum(counts.values()) < options.count:
        name = draw.choices(list(kinds), [weight for _, weight in kinds.values()])[0]
        function, folder.added = kinds[name][0], None
        try:
            what = function(folder, draw) if name in PLAIN else function(story, other, draw)
            # What prices and totals must tell, they must tell without the kept checkpoints.
            reason = found(path if name in PLAIN else other, {**given, "kept": ()} if name in UNKEPT else given)
        except Redraw:
            redrawn += 1
            continue
        finally:
            if folder.added:
                os.unlink(folder.added)
            folder.restore()
        counts[name] += 1
        if reason is None:
            missed.append(f"{name}: {what}")
        elif sum(counts.values()) <= options.show:
            print(f"{name}: {what}\n    {reason}")
    # What was put back is whole: no mutation was found for the sake of the one before it.
    verify_audit.verify(path, **given)
    for name in kinds:
        print(f"{counts[name]:7}  {name}")
    print(f"{sum(counts.values()):7}  in all, of which {len(missed)} were not found ({redrawn} drawn again)")
    for each in missed:
        print(f"NOT FOUND {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

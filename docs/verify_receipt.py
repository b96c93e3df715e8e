#!/usr/bin/env python3
"""Checks the receipt of a request with none of Tollgate's own code.

    python3 verify_receipt.py receipt.json "$(head -1 log.pub)"

Exits 0 and prints the record when the receipt holds, 1 with the reason when it does not. What it proves: this very
record is in the log whose checkpoint the owner of the key has signed. The format: audit-format.md, beside this file.
"""
import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """Why a receipt proves nothing."""


def sha256(data):
    return hashlib.sha256(data).digest()


def checkpoint_of(note, vkey):
    """The size and root of a signed note (C2SP), if this key has signed it."""
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    name, number, body = vkey.split("+", 2)
    key = base64.b64decode(body)
    if key[0] != 1 or sha256(f"{name}\n".encode() + key)[:4].hex() != number:
        raise Wrong("this is not the verifier key of a log")
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if (dash, signer, signature[:4].hex()) == ("\u2014", name, number):
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            origin, size, root, end = text.split("\n")
            return origin, int(size), base64.b64decode(root)
    raise Wrong("the checkpoint is not signed by this key")


def root_from(leaf, index, size, proof):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2, which is RFC 6962's tree)."""
    place, last, found = index, size - 1, sha256(b"\x00" + leaf)
    if not 0 <= index < size:
        raise Wrong("the record is not within the checkpoint's size")
    for sibling in map(bytes.fromhex, proof):
        if last == 0:
            raise Wrong("the proof is too long")
        if place % 2 or place == last:
            found = sha256(b"\x01" + sibling + found)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            found = sha256(b"\x01" + found + sibling)
        place, last = place // 2, last // 2
    if last:
        raise Wrong("the proof is too short")
    return found


def check(receipt, vkey):
    """The record of a receipt that holds, and the log that it is in."""
    origin, size, root = checkpoint_of(receipt["checkpoint"], vkey)
    leaf = json.loads(receipt["leaf"])
    if leaf["seq"] != receipt["seq"]:
        raise Wrong("the leaf has another place than the receipt says")
    if root_from(receipt["leaf"].encode(), receipt["seq"], size, receipt["proof"]) != root:
        raise Wrong("the proof does not lead to the checkpoint's root")
    return leaf["record"], f"record {leaf['seq']} of {size} in {origin}"


if __name__ == "__main__":
    try:
        with open(sys.argv[1], "rb") as file:
            record, place = check(json.load(file), sys.argv[2])
    except Wrong as wrong:
        sys.exit(f"does not hold: {wrong}")
    except InvalidSignature:
        sys.exit("does not hold: the checkpoint's signature is wrong")
    except (LookupError, OSError, TypeError, ValueError) as error:
        sys.exit(f"cannot be read: {type(error).__name__}: {error}")
    print(f"holds: {place}\n{json.dumps(record, indent=2)}")

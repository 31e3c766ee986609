#!/usr/bin/env python3
"""Checks what `rosterd audit export` prints, without Rosterd: docs/JOURNAL.md has the bytes.

    rosterd audit export --tenant acme | python3 scripts/check_journal.py [HASH_OF_THE_LAST_ENTRY]

Exit 0 when the chain holds and every value opens its commitment; else 1, with the places.
"""
import hashlib
import json
import sys


def number(value):
    return value.to_bytes(8, "big", signed=True)


def chain(previous, entry):
    digest = hashlib.sha256(b"rosterd-journal-1" + previous.encode())

    def field(data):
        digest.update(len(data).to_bytes(8, "big") + data)

    field(entry["tenant"].encode())
    for key in ("epoch", "sequence", "at"):
        field(number(entry[key]))
    field(entry["actor"]["kind"].encode())
    field(entry["actor"]["id"].encode())
    field(entry["cause"]["kind"].encode())
    field(entry["cause"]["id"].encode())
    field(entry["action"].encode())
    for party in (entry["subject"], entry.get("object") or {"kind": "", "id": ""}):
        field(party["kind"].encode())
        field(party["id"].encode())
    field((entry.get("reason") or "").encode())
    for change in entry["changes"]:
        field(change["path"].encode())
        for side in ("before", "after"):
            field((change.get(side) or {"commitment": ""})["commitment"].encode())
    return digest.hexdigest()


def opens(side):
    salt = bytes.fromhex(side["salt"])
    return hashlib.sha256(b"rosterd-value-1" + salt + side["value"].encode()).hexdigest() == side["commitment"]


def main():
    faults, values, erased, entries = [], 0, 0, 0
    previous, expected, epoch = "0" * 64, 1, 1
    for line in sys.stdin:
        entry = json.loads(line)
        entries += 1
        if entry["sequence"] != expected:
            faults.append(f"entry {expected}: missing or out of order")
        expected = entry["sequence"] + 1
        if entry["epoch"] != epoch and (entry["action"] != "epoch.started" or entry["epoch"] < epoch):
            faults.append(f"entry {entry['sequence']}: epoch {entry['epoch']} follows {epoch} without a restore")
        epoch = entry["epoch"]
        if chain(previous, entry) != entry["hash"]:
            faults.append(f"entry {entry['sequence']}: altered")
        previous = entry["hash"]
        for change in entry["changes"]:
            for side in (change.get("before"), change.get("after")):
                if side is None:
                    continue
                if "value" not in side:
                    erased += 1
                elif opens(side):
                    values += 1
                else:
                    faults.append(f"entry {entry['sequence']}: the value of {change['path']} is altered")
    if len(sys.argv) > 1 and previous != sys.argv[1]:
        faults.append(f"entry {expected - 1}: the last hash is {previous}, not {sys.argv[1]}")
    print(f"{entries} entries, {values} values opened, {erased} without a value, last hash {previous}")
    print("\n".join(faults) or "the chain holds")
    sys.exit(1 if faults else 0)


main()

"""Judges scim-sanity's JSON: only the agreed checks may fail, by name and with the agreed status.

Agreed are the three that want a group's PATCH to answer 200 with a body. We answer 204, which RFC 7644 section 3.5.2 allows
and which spares a large group from being read for a change of one member. The one that adds a member sends an id that
names nobody: 400, since a membership never invents a person.
"""
import json
import sys

AGREED = {
    "PATCH /Groups/{id}": "204",
    "PATCH /Groups/{id} add member": "400",
    "PATCH /Groups/{id} remove members": "204",
}

report = json.load(open(sys.argv[1]))
results = report.get("results") or [r for phase in report.get("phases", []) for r in phase.get("results", [])]
failed = [r for r in results if r.get("status") in ("fail", "error")]
other = [r for r in failed if AGREED.get(r.get("name"), "no") not in r.get("message", "")]
ignored = [r for r in results if "may ignore" in json.dumps(r)]
print(f"{len(results)} checks, {len(failed)} failed, {len(failed) - len(other)} of them agreed")
for r in other + ignored:
    print(json.dumps(r))
if not results or other or ignored:
    sys.exit(1)

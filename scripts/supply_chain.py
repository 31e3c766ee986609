#!/usr/bin/env python3
"""What the program is made of: checks it, or writes it down as an SBOM.

  python3 scripts/supply_chain.py check            # the rules of docs/SUPPLY-CHAIN.md; part of the test command
  python3 scripts/supply_chain.py sbom [FILE]      # CycloneDX 1.5 as JSON, to a file or to the terminal

Reads Cargo.lock, deny.toml, docs/SUPPLY-CHAIN.md and `cargo metadata`; needs nothing but Python and cargo.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def metadata():
    """What is built for this machine, exactly as locked."""
    host = re.search(r"^host: (.+)$", run("rustc", "-vV"), re.M).group(1)
    return json.loads(run("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host))


def built():
    """Name and version of what is compiled for the program. `cargo metadata` says what may be; features decide."""
    tree = run("cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}")
    return {(name, version) for name, version in re.findall(r"^(\S+) v(\S+)", tree, re.M)}


def lock():
    """Every package of Cargo.lock, for all machines: name, version, source, checksum."""
    blocks = (ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]
    return [dict(re.findall(r'^(name|version|source|checksum) = "(.+)"$', block, re.M)) for block in blocks]


def allowed_licences():
    text = (ROOT / "deny.toml").read_text()
    return set(re.findall(r'"([^"]+)"', re.search(r"^allow = \[(.*?)^\]", text, re.M | re.S).group(1)))


def spdx(package):
    """The licence as an SPDX expression; older crates write `MIT/Apache-2.0`."""
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "")


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences; AND binds more tightly than OR."""
    tokens = re.findall(r"[()]|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", expression)

    def any_of():
        good = all_of()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            good |= all_of()
        return good

    def all_of():
        good = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            good &= one()
        return good

    def one():
        token = tokens.pop(0) if tokens else ""
        if token != "(":
            return token in allowed
        good = any_of()
        return bool(tokens) and tokens.pop(0) == ")" and good

    return any_of() and not tokens


def reasons():
    """The direct dependencies that docs/SUPPLY-CHAIN.md gives a reason for."""
    text = (ROOT / "docs/SUPPLY-CHAIN.md").read_text()
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]*) \|$", text, re.M)
    return {name for names, reason in rows if reason.strip() for name in re.findall(r"`([^`]+)`", names)}


def problems(data, bom):
    for package in lock():
        shown = f"{package['name']} {package['version']}"
        if package["name"] == "rosterd":
            continue
        if package.get("source") != REGISTRY:
            yield f"{shown} comes from {package.get('source', 'a folder')}: take it from crates.io"
        elif "checksum" not in package:
            yield f"{shown} has no checksum in Cargo.lock: run `cargo update -p {package['name']}`"
    allowed = allowed_licences()
    for package in data["packages"]:
        if not is_allowed(spdx(package), allowed):
            yield (
                f"{package['name']} {package['version']} has the licence `{package['license']}`, which deny.toml does not"
                " allow: replace the crate, or allow the licence with a reason"
            )
    [root] = [p for p in data["packages"] if p["name"] == "rosterd"]
    direct, explained = {d["name"] for d in root["dependencies"]}, reasons()
    for name in sorted(direct - explained):
        yield f"{name} is a dependency without a reason: add a row to the table in docs/SUPPLY-CHAIN.md"
    for name in sorted(explained - direct):
        yield f"docs/SUPPLY-CHAIN.md has a row for {name}, which is no dependency: remove the row"
    yield from faults(bom)


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def sbom(data):
    """The program and what is compiled into it or runs while it is compiled; what only tests need is left out.

    It holds no time and no random number: the same commit gives the same file.
    """
    packages = {p["id"]: p for p in data["packages"]}
    nodes = {n["id"]: n for n in data["resolve"]["nodes"]}
    root = data["resolve"]["root"]
    kept = built()
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock()}

    def needs(node):
        found = {d["pkg"] for d in node["deps"] if any(k["kind"] != "dev" for k in d["dep_kinds"])}
        found = [i for i in found if (packages[i]["name"], packages[i]["version"]) in kept]
        return sorted(found, key=lambda i: purl(packages[i]))

    seen, queue = {root}, [root]
    while queue:
        fresh = [i for i in needs(nodes[queue.pop()]) if i not in seen]
        seen.update(fresh)
        queue.extend(fresh)

    def component(package, kind):
        made = {
            "type": kind,
            "bom-ref": purl(package),
            "name": package["name"],
            "version": package["version"],
            "purl": purl(package),
            "licenses": [{"expression": spdx(package)}],
        }
        checksum = checksums[package["name"], package["version"]]
        if checksum:
            made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package["repository"]:
            made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return made

    ids = sorted(seen, key=lambda i: purl(packages[i]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], "application")},
        "components": [component(packages[i], "library") for i in ids if i != root],
        "dependencies": [
            {"ref": purl(packages[i]), "dependsOn": [purl(packages[d]) for d in needs(nodes[i])]} for i in ids
        ],
    }


def faults(bom):
    """What a reader of the SBOM would trip over."""
    components = bom["components"]
    refs = [bom["metadata"]["component"]["bom-ref"]] + [c["bom-ref"] for c in components]
    if len(set(refs)) != len(refs):
        yield "the SBOM names a component twice"
    if [d["ref"] for d in bom["dependencies"]] != sorted(refs):
        yield "the SBOM's dependencies are not those of its components"
    for dependency in bom["dependencies"]:
        for ref in set(dependency["dependsOn"]) - set(refs):
            yield f"the SBOM has no component {ref}, which {dependency['ref']} needs"
    for component in components:
        if not re.fullmatch("[0-9a-f]{64}", component.get("hashes", [{}])[0].get("content", "")):
            yield f"the SBOM has no checksum of {component['bom-ref']}"
        if not component["licenses"][0]["expression"]:
            yield f"the SBOM has no licence of {component['bom-ref']}"
    if len(components) < 50:
        yield f"the SBOM has only {len(components)} components"


def self_test():
    """The reader of licences can refuse."""
    allowed = {"MIT", "ISC", "Apache-2.0 WITH LLVM-exception"}
    cases = {
        "MIT": True,
        "GPL-3.0": False,
        "": False,
        "MIT OR GPL-3.0": True,
        "MIT AND GPL-3.0": False,
        "GPL-3.0 AND ISC OR MIT": True,
        "ISC AND (GPL-3.0 OR MIT)": True,
        "(MIT OR ISC) AND GPL-3.0": False,
        "Apache-2.0 WITH LLVM-exception": True,
        "Apache-2.0": False,
        "(MIT": False,
        "MIT ISC": False,
    }
    for expression, expected in cases.items():
        assert is_allowed(expression, allowed) == expected, expression
    assert spdx({"license": "MIT/Apache-2.0"}) == "MIT OR Apache-2.0"


def check():
    self_test()
    data = metadata()
    bom = sbom(data)
    versions = defaultdict(list)
    for package in data["packages"]:
        versions[package["name"]].append(package["version"])
    for name, several in sorted(versions.items()):
        if len(several) > 1:
            print(f"in {len(several)} versions: {name} {', '.join(several)}")
    found = list(problems(data, bom))
    print("\n".join(found) or f"{len(data['packages'])} packages, {len(bom['components'])} of them in the program")
    return 1 if found else 0


def main(arguments):
    match arguments:
        case ["check"]:
            return check()
        case ["sbom", *rest] if len(rest) < 2:
            text = json.dumps(sbom(metadata()), indent=2) + "\n"
            if rest:
                Path(rest[0]).write_text(text)
            else:
                sys.stdout.write(text)
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

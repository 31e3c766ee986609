"""The twelve requests of Okta's SCIM 2.0 spec test, replayed, with one line more: a look-up in capitals finds the user."""
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

base, token = sys.argv[1], sys.argv[2]
faults = []


def call(method, path, body=None, auth=None, kind="application/scim+json"):
    request = urllib.request.Request(base + path, method=method)
    request.add_header("Authorization", auth or "Bearer " + token)
    request.add_header("Accept", "application/scim+json")
    if body is not None:
        request.add_header("Content-Type", kind)
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read()
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, text


def check(name, good):
    print(("ok   " if good else "FAIL ") + name)
    if not good:
        faults.append(name)


def look_up(name):
    return call("GET", "/Users?filter=" + urllib.parse.quote(f'userName eq "{name}"'))


def person(name):
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "name": {"givenName": "Isaac", "familyName": "Brock"},
        "emails": [{"primary": True, "value": name, "type": "work"}],
        "displayName": "Isaac Brock",
        "active": True,
    }


call("POST", "/Users", person(f"seed{uuid.uuid4().hex[:8]}@x.test"))
status, body = call("GET", "/Users?count=1&startIndex=1")
check("list answers 200", status == 200)
check("it is a ListResponse", "urn:ietf:params:scim:api:messages:2.0:ListResponse" in body.get("schemas", []))
check("counters are integers", all(type(body.get(k)) is int for k in ("totalResults", "itemsPerPage", "startIndex")))
first = (body.get("Resources") or [{}])[0]
wanted = ("id", "userName", "active")
check("the first user is complete", all(k in first for k in wanted) and first.get("emails") and first.get("name", {}).get("familyName"))
status, body = call("GET", "/Users/" + str(first.get("id")))
check("that user by id", status == 200 and body.get("id") == first.get("id"))
status, body = look_up("nobody@x.test")
check("an unknown userName gives 200 and nobody", status == 200 and body.get("totalResults") == 0)
status, body = call("GET", "/Users/010101001010101011001010101011")
check("an unknown id gives 404 with detail", status == 404 and body.get("detail") and body.get("status") == "404")
name = f"runscope{uuid.uuid4().hex[:8]}@x.test"
status, body = call("POST", "/Users", person(name), kind="application/json")
check("create as application/json gives 201", status == 201 and body.get("id"))
made = body.get("id")
status, body = call("GET", "/Users/" + str(made))
check("the created user can be read", status == 200 and body.get("userName") == name)
status, body = call("POST", "/Users", person(name), kind="application/json")
check("the same again gives 409", status == 409)
status, body = look_up(name.upper())
check("a look-up in capitals answers 200", status == 200)
check("and finds the user", body.get("totalResults") == 1)
status, body = call("GET", "/Groups")
check("groups answer 200", status == 200)
status, body = call("GET", "/Users", auth="non-token")
check("bad credentials give 401 with an Error body", status == 401 and isinstance(body, dict) and body.get("detail") and body.get("status") == "401")
print(f"{len(faults)} faults")
sys.exit(1 if faults else 0)

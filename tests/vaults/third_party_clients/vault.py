"""Checks the stand-in on a local port with hvac, the usual Python client of Vault."""

import socket
import sys

import hvac

port, host, role_id, secret_id, pod = sys.argv[1:]
real = socket.getaddrinfo
socket.getaddrinfo = lambda name, *rest, **more: real("127.0.0.1" if name == host else name, *rest, **more)

client = hvac.Client(f"https://{host}:{port}")
try:
    client.auth.approle.login(role_id, "wrong")
    raise SystemExit("a wrong secret id was taken")
except hvac.exceptions.InvalidRequest as error:
    assert "invalid role or secret ID" in str(error), error

granted = client.auth.approle.login(role_id, secret_id)["auth"]
assert granted["renewable"] and granted["lease_duration"] == 3600
assert client.is_authenticated()
assert client.auth.token.renew_self()["auth"]["client_token"] == client.token
assert client.auth.token.lookup_self()["data"]["ttl"] == 3600

kv = client.secrets.kv.v2
assert kv.create_or_update_secret("team/judged", {"client_secret": "one"})["data"]["version"] == 1
assert kv.create_or_update_secret("team/judged", {"client_secret": "two"})["data"]["version"] == 2
read = kv.read_secret_version("team/judged", raise_on_deleted_version=True)["data"]
assert read["data"] == {"client_secret": "two"} and read["metadata"]["version"] == 2, read

kv.delete_latest_version_of_secret("team/judged")
for path in ("team/judged", "team/missing"):
    try:
        kv.read_secret_version(path, raise_on_deleted_version=True)
        raise SystemExit("what is not there was given")
    except hvac.exceptions.InvalidPath:
        pass

# A client of engine version 1 gets a warning, and no errors.
try:
    client.secrets.kv.v1.read_secret("team/judged", mount_point="secret")
    raise SystemExit("the second version answered as the first")
except hvac.exceptions.InvalidPath as error:
    assert "Invalid path" in str(error.text), error

assert client.secrets.kv.v1.read_secret("judged", mount_point="plain")["data"] == {"client_secret": "plain"}

client.token = None
client.auth.kubernetes.login("payroll", pod)
assert client.is_authenticated()

client.token = "hvs.of-nobody"
try:
    kv.read_secret_version("team/judged", raise_on_deleted_version=True)
    raise SystemExit("nobody may read")
except hvac.exceptions.Forbidden:
    pass

print("content")

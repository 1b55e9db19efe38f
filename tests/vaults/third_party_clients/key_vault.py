"""Checks the stand-in on a local port with Microsoft's Python client."""

import os
import socket
import sys

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient

port, vault, entra, tenant, application, secret, assertion, identities, header = sys.argv[1:]
real = socket.getaddrinfo

def resolved(host, asked_port, *rest, **more):
    ours = host in (vault, entra)
    return real("127.0.0.1" if ours else host, port if ours else asked_port, *rest, **more)


# The client compares the whole URL of the vault, which therefore has the default port.
socket.getaddrinfo = resolved

credential = ClientSecretCredential(
    tenant, application, secret, authority=f"https://{entra}", disable_instance_discovery=True
)
client = SecretClient(f"https://{vault}", credential, retry_total=0)

first = client.set_secret("judged", "one")
second = client.set_secret("judged", "two")
assert client.get_secret("judged").value == "two"
assert client.get_secret("judged", first.properties.version).value == "one"
assert client.get_secret("judged").properties.version == second.properties.version

client.update_secret_properties("judged", second.properties.version, enabled=False)
try:
    client.get_secret("judged")
    raise SystemExit("a disabled secret was given")
except HttpResponseError as error:
    assert error.status_code == 403 and error.error.innererror["code"] == "SecretDisabled", error

try:
    client.get_secret("missing")
    raise SystemExit("a missing secret was given")
except ResourceNotFoundError as error:
    assert error.error.code == "SecretNotFound", error

os.environ.update(IDENTITY_ENDPOINT=identities, IDENTITY_HEADER=header)
pod = WorkloadIdentityCredential(
    tenant_id=tenant,
    client_id=application,
    token_file_path=assertion,
    authority=f"https://{entra}",
    disable_instance_discovery=True,
)
for other in (pod, ManagedIdentityCredential()):
    read = SecretClient(f"https://{vault}", other, retry_total=0).get_secret("judged", first.properties.version)
    assert read.value == "one"

print("content")

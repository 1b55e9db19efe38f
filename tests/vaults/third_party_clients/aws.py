"""Actions of an operator, with Amazon's Python client: aws.py <endpoint> <action> [...]"""

import json
import sys
import urllib.request

import boto3

endpoint, what, *rest = sys.argv[1:]


def client(service, region="eu-central-1", **keys):
    keys = keys or {"aws_access_key_id": "of-the-operator", "aws_secret_access_key": "any"}
    return boto3.client(service, region_name=region, endpoint_url=endpoint, **keys)


def user(name, statement):
    iam = client("iam")
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


if what == "setup":
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    secrets = client("secretsmanager")
    secrets.create_secret(Name="payroll", SecretString="a-secret-of-payroll")
    secrets.create_secret(Name="team/erp", SecretString='{"client_secret": "of-erp", "number": 7}')
    secrets.create_secret(Name="binary", SecretBinary=b"\x00\x01")
    secrets.create_secret(Name="gone", SecretString="x")
    secrets.delete_secret(SecretId="gone")
    elsewhere = client("secretsmanager", "eu-west-1").create_secret(Name="far", SecretString="of-ireland")
    users = {
        "operator": user("operator", everything),
        "reader": user("reader", reads),
    }
    # From now on moto verifies signatures and policies.
    plain = {"content-type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", plain, method="POST"))
    print(json.dumps({**users, "arn": elsewhere["ARN"]}))
elif what == "put":
    name, value, key_id, key_secret = rest
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": key_secret}
    put = client("secretsmanager", **keys).put_secret_value(SecretId=name, SecretString=value)
    print(json.dumps(put["VersionId"]))

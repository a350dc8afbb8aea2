"""Whether a webhook's call is signed by whoever knows the secret, by code of its own."""

import hashlib
import hmac
import time

TOLERANCE_SECONDS = 300


def is_signed(secret, headers, body):
    parts = dict(part.split("=", 1) for part in headers.get("X-Restcast-Signature", "").split(",") if "=" in part)
    made = parts.get("t", "")
    expected = hmac.new(secret.encode(), f"{made}.".encode() + body, hashlib.sha256).hexdigest()
    is_fresh = made.isdigit() and abs(time.time() - int(made)) < TOLERANCE_SECONDS
    return is_fresh and hmac.compare_digest(expected, parts.get("v1", ""))

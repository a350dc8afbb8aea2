"""Says what Python calls equal and what SQLite calls like.

Reads one JSON object: {"values": [JSON text, ...], "patterns": [...], "texts": [...]}. Prints one with three tables of
truth values: "equal" (values by values), "like" and "ilike" (patterns by texts).
"""

import json
import sqlite3
import sys

question = json.load(sys.stdin)
values = [json.loads(text) for text in question["values"]]
database = sqlite3.connect(":memory:")


def like(exact):
    database.execute(f"PRAGMA case_sensitive_like = {'ON' if exact else 'OFF'}")
    statement = r"SELECT ? LIKE ? ESCAPE '\'"
    return [
        [bool(database.execute(statement, (text, pattern)).fetchone()[0]) for text in question["texts"]]
        for pattern in question["patterns"]
    ]


answer = {
    "equal": [[one == other for other in values] for one in values],
    "like": like(True),
    "ilike": like(False),
}
json.dump(answer, sys.stdout)

#!/usr/bin/env python3
"""Compares what InfluxDB has with what the journal has: check.py URL USER:PASSWORD JOURNAL_LINES [DATABASE RUN...]

With runs, only their lines are looked at.

JOURNAL_LINES is a file with the messages of ollama.service. Lines of the stand-in end in seq=RUN-N. Each line of the journal must be one
point, no line two points, and the points of one run must be 1 to its last without holes, unless the journal itself lost the line.
Prints one line of figures; exits 0 when complete, 1 when not.
"""

import base64
import collections
import json
import re
import sys
import urllib.parse
import urllib.request

SEQ = re.compile(r"seq=(\w+)-(\d+)$")
# Written before the first run's 24 hours.
TOO_OLD = "old"


def numbered(messages):
    """Run and number of each line of the stand-in, with how often it is there."""
    return collections.Counter(
        (found[1], int(found[2])) for found in map(SEQ.search, messages) if found
    )


def stored(url, login, database, where=""):
    query = f"SELECT message FROM ollama_logs{where}"
    parameters = urllib.parse.urlencode({"db": database, "epoch": "ns", "chunked": "true", "q": query})
    request = urllib.request.Request(f"{url}/query?{parameters}")
    request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        for line in answer:
            for result in json.loads(line)["results"]:
                if "error" in result:
                    sys.exit(result["error"])
                for series in result.get("series", []):
                    yield from (message for _, message in series["values"])


def main():
    url, login, journal_file, *rest = sys.argv[1:]
    database, runs = (rest[0], rest[1:]) if rest else ("ollama", [])
    # The journal first: what is written meanwhile may be in InfluxDB, not the other way round.
    with open(journal_file, encoding="utf-8", errors="replace") as lines:
        journal = numbered(line.rstrip("\n") for line in lines)
    points = numbered(stored(url, login, database))
    if runs:
        journal, points = (
            collections.Counter({line: count for line, count in lines.items() if line[0] in runs})
            for lines in (journal, points)
        )
    last = collections.Counter()
    for run, number in points:
        last[run] = max(last[run], number)

    missing = [line for line in journal if line not in points and line[0] != TOO_OLD]
    double = [line for line, count in points.items() if count > 1]
    holes = sum(last.values()) - len(points)
    too_old = [line for line in points if line[0] == TOO_OLD]
    print(
        f"{len(points)} lines stored, {len(journal)} in the journal: {len(missing)} missing, {len(double)} double, "
        f"{holes} holes" + (f", {len(too_old)} too old" if too_old else "")
    )
    for what, which in (("missing", missing), ("double", double)):
        if which:
            print(f"{what}: {sorted(which)[:5]}", file=sys.stderr)
    sys.exit(1 if missing or double or too_old or holes or not points else 0)


if __name__ == "__main__":
    main()

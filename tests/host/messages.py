#!/usr/bin/env python3
"""Compares messages with messages: messages.py URL USER:PASSWORD SINCE UNTIL TAG EXPORT MESSAGES

EXPORT is what `journalctl --output=export` wrote. Its messages of these times (in milliseconds; not by --since, which goes astray where a clock
went back) must be the points of these times with TAG as `unit` (without one if it is empty), each as often. They are written to the file
MESSAGES, one a line. Prints one line of figures; exits 0 when they are the same, 1 when not.
"""

import collections
import sys

from check import stored


def exported(file, since, until):
    """The messages of an export: FIELD=value, or FIELD, the length in 8 bytes, and the value; the time comes first."""
    is_meant = False
    while line := file.readline():
        name, sign, value = line.rstrip(b"\n").partition(b"=")
        if not name:
            continue
        if not sign:
            value = file.read(int.from_bytes(file.read(8), "little"))
            file.read(1)
        if name == b"__REALTIME_TIMESTAMP":
            is_meant = since * 1000 <= int(value) < until * 1000
        elif name == b"MESSAGE" and is_meant:
            yield value.decode(errors="replace")


def main():
    url, login, since, until, tag, export, messages = sys.argv[1:]
    since, until = int(since), int(until)
    with open(export, "rb") as file:
        journal = collections.Counter(exported(file, since, until))
    with open(messages, "w", encoding="utf-8") as file:
        file.writelines(f"{message}\n" for message in journal.elements())
    where = f" WHERE time >= {since}ms AND time < {until}ms AND unit = '{tag}'"
    points = collections.Counter(stored(url, login, "ollama", where))
    missing, more = journal - points, points - journal
    print(
        f"{journal.total()} messages by journalctl, {points.total()} points: "
        f"{missing.total()} missing, {more.total()} double"
    )
    for what, which in (("missing", missing), ("double", more)):
        if which:
            print(f"{what}: {sorted(which.items())[:5]}", file=sys.stderr)
    sys.exit(1 if missing or more or not journal else 0)


main()

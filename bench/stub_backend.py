"""A backend that is none: it speaks just enough of PostgreSQL's protocol for a router to hold ten
thousand sessions open.

    stub_backend.py SOCKET ROLE VERIFIER    answers on a Unix socket until it is ended
"""

import asyncio
import os
import pathlib
import re
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))

from lib.wire import CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST, message  # noqa: E402

TEXT = 25  # The type's oid.


class Backend(asyncio.Protocol):
    """Knows one role. What is asked of pg_authid is answered column by column, by the column's
    name; everything else is one row with the text 1."""

    role = verifier = ""
    REPORTED = {"server_version": "15.0", "server_encoding": "UTF8", "client_encoding": "UTF8",
                "DateStyle": "ISO, MDY", "integer_datetimes": "on", "TimeZone": "UTC",
                "standard_conforming_strings": "on", "IntervalStyle": "postgres",
                "in_hot_standby": "off", "default_transaction_read_only": "off",
                "is_superuser": "off", "session_authorization": "", "application_name": "",
                "aurora_global_session_state": "clean"}

    def __init__(self):
        self.transport = None
        self.buffer = b""
        self.started = False
        self.statements = {}
        self.portal = ""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while self._take():
            pass

    def _take(self):
        offset = 1 if self.started else 0
        if len(self.buffer) < offset + 4:
            return False
        size = struct.unpack_from("!I", self.buffer, offset)[0] + offset
        if len(self.buffer) < size:
            return False
        whole, self.buffer = self.buffer[:size], self.buffer[size:]
        if self.started:
            self._message(whole[:1], whole[5:])
        else:
            self._first(struct.unpack_from("!I", whole, 4)[0])
        return True

    def _first(self, code):
        if code in (SSL_REQUEST, GSS_REQUEST):
            self.transport.write(b"N")
        elif code == CANCEL_REQUEST:
            self.transport.close()
        else:
            self.started = True
            answer = message(b"R", struct.pack("!I", 0))
            for name, value in self.REPORTED.items():
                answer += message(b"S", f"{name}\0{value}\0".encode())
            answer += message(b"K", struct.pack("!II", id(self) & 0x7FFFFFFF, 1))
            self.transport.write(answer + message(b"Z", b"I"))

    def _columns(self, sql):
        """Pairs of a name and a text or None."""
        if "rolpassword" not in sql:
            return [("?column?", "1")]
        known = {"rolname": self.role, "rolpassword": self.verifier, "rolcanlogin": "t",
                 "rolsuper": "f", "rolreplication": "f", "rolconnlimit": "-1",
                 "rolvaliduntil": None}
        listed = re.search(r"select\s+(.*?)\s+from\b", sql, re.I | re.S).group(1)
        columns = []
        for item in re.split(r",(?![^(]*\))", listed):
            named = [name for name in known if re.search(rf"\b{name}\b", item)]
            name = re.search(r"(\w+)\W*$", item)
            # An expression about the end of validity asks whether it has passed: it has not.
            is_question = named == ["rolvaliduntil"] and re.search(r"[<>]", item)
            value = "f" if is_question else known[named[0]] if named else "1"
            columns.append((name.group(1) if name else "?column?", value))
        return columns

    def _description(self, sql):
        columns = self._columns(sql)
        body = struct.pack("!H", len(columns))
        for name, _ in columns:
            body += name.encode() + b"\0" + struct.pack("!IHIhih", 0, 0, TEXT, -1, -1, 0)
        return message(b"T", body)

    def _rows(self, sql):
        columns = self._columns(sql)
        body = struct.pack("!H", len(columns))
        for _, value in columns:
            raw = None if value is None else value.encode()
            body += struct.pack("!i", -1) if raw is None else struct.pack("!i", len(raw)) + raw
        return message(b"D", body) + message(b"C", b"SELECT 1\0")

    def _message(self, kind, body):
        out = b""
        if kind == b"Q":
            sql = body[:-1].decode()
            out = self._description(sql) + self._rows(sql) + message(b"Z", b"I")
        elif kind == b"P":
            name, sql = body.split(b"\0")[:2]
            self.statements[name] = sql.decode()
            out = message(b"1")
        elif kind == b"B":
            self.portal = self.statements.get(body.split(b"\0")[1], "")
            out = message(b"2")
        elif kind == b"D" and body[:1] == b"S":
            sql = self.statements.get(body[1:-1], "")
            count = len(set(re.findall(r"\$\d+", sql)))
            out = message(b"t", struct.pack(f"!H{count}I", count, *[TEXT] * count))
            out += self._description(sql)
        elif kind == b"D":
            out = self._description(self.portal)
        elif kind == b"E":
            out = self._rows(self.portal)
        elif kind == b"C":
            out = message(b"3")
        elif kind == b"S":
            out = message(b"Z", b"I")
        elif kind == b"X":
            self.transport.close()
        if out:
            self.transport.write(out)


async def serve(path):
    server = await asyncio.get_running_loop().create_unix_server(Backend, path, backlog=4096)
    os.chmod(path, 0o777)
    await server.serve_forever()


if __name__ == "__main__":
    Backend.role, Backend.verifier = sys.argv[2:]
    Backend.REPORTED = {**Backend.REPORTED, "session_authorization": Backend.role}
    asyncio.run(serve(sys.argv[1]))

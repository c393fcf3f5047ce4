"""A client of PostgreSQL's protocol without a library in between: what the server says is seen as
it says it, and a session costs no more than its socket.
"""

import base64
import hashlib
import hmac
import os
import socket
import struct

PROTOCOL_3 = 196608
CANCEL_REQUEST, SSL_REQUEST, GSS_REQUEST = 80877102, 80877103, 80877104
LIMIT_S = 30


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


class ServerError(Exception):
    """An ErrorResponse; its fields by their letters."""

    def __init__(self, body):
        self.fields = {part[:1].decode(): part[1:].decode(errors="replace")
                       for part in body.split(b"\0") if part}
        self.sqlstate, self.message = self.fields.get("C"), self.fields.get("M")
        super().__init__(f"{self.sqlstate}: {self.message}")


class Closed(Exception):
    """The server has closed the connection without a word."""


class Session:
    """A session that has logged in by SCRAM-SHA-256. `tls`: an ssl.SSLContext, or None for none.
    Fails with ServerError or Closed."""

    salted = {}  # One role has one salt: its rounds need not be repeated for each session.

    def __init__(self, address, role, password, database, tls=None):
        self.buffer = b""
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.socket = socket.create_connection(address, LIMIT_S)
        try:
            if tls:
                self.socket.sendall(struct.pack("!II", 8, SSL_REQUEST))
                if self.socket.recv(1) != b"S":
                    raise Closed("no TLS")
                self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
            parameters = f"user\0{role}\0database\0{database}\0\0".encode()
            self.socket.sendall(struct.pack("!II", len(parameters) + 8, PROTOCOL_3) + parameters)
            self._log_in(password)
        except BaseException:
            self.socket.close()
            raise

    def read(self):
        """The next message: its kind and its body."""
        while True:
            if len(self.buffer) >= 5:
                size = struct.unpack_from("!I", self.buffer, 1)[0] + 1
                if len(self.buffer) >= size:
                    kind, body = self.buffer[:1], self.buffer[5:size]
                    self.buffer = self.buffer[size:]
                    if kind == b"E":
                        raise ServerError(body)
                    return kind, body
            more = self.socket.recv(8192)
            if not more:
                raise Closed
            self.buffer += more

    def _log_in(self, password):
        first_bare = f"n=,r={self.nonce}"
        while True:
            kind, body = self.read()
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            what = struct.unpack_from("!I", body)[0]
            if what == 10:
                # "y" would say that we could bind the channel and were not offered to.
                first = b"n,," + first_bare.encode()
                self.socket.sendall(message(
                    b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first))
            elif what == 11:
                self.socket.sendall(message(b"p", self._proof(password, first_bare,
                                                              body[4:].decode())))
            elif what not in (0, 12):
                raise AssertionError(f"the server wants authentication {what}")

    def _proof(self, password, first_bare, server_first):
        values = dict(part.split("=", 1) for part in server_first.split(","))
        key = (password, values["s"], values["i"])
        if key not in self.salted:
            self.salted[key] = hashlib.pbkdf2_hmac(
                "sha256", password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        client_key = hmac.digest(self.salted[key], b"Client Key", "sha256")
        without_proof = f"c=biws,r={values['r']}"
        signed = f"{first_bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def send(self, sql):
        self.socket.sendall(message(b"Q", sql.encode() + b"\0"))

    def query(self, sql):
        self.send(sql)
        while self.read()[0] != b"Z":
            pass

    def close(self):
        self.socket.close()

"""How a request may lie on the wire: whole, in chunks, packed, cut off, or no HTTP at all."""

import gzip
import zlib
from typing import NamedTuple

BODY_BYTES_MAX = 8 * 1024 * 1024  # net/http.h
HEADER_BYTES_MAX = 64 * 1024


class Form(NamedTuple):
    """`pieces` are written one after another. `end` is what is done then: the client keeps the
    connection ("keep"), sends no more ("half-close"), leaves ("close", "reset"), or waits for the
    server to close it ("last"). `answers`: how many are owed; None for what is no HTTP, which may be
    refused or cut off, but not with a 5xx. `calls`: whether they are of AWS's form."""
    name: str
    pieces: list
    end: str = "keep"
    answers: int | None = 1
    calls: bool = True


def head_of(method, target, headers, version="HTTP/1.1"):
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def with_length(request, headers, body):
    return head_of(request.method, request.target, [*headers, ("Content-Length", len(body))]) + body


def chunks_of(rng, body, odd=False):
    out, at = [], 0
    while at < len(body):
        size = rng.choice((1, 2, 3, 7, 17, 255, 4096, 70_000))
        piece = body[at:at + size]
        extension = rng.choice(("", "", ";name=value", ';a="b c"', ";x")) if odd else ""
        written = f"{len(piece):x}" if rng.random() < 0.5 else f"{len(piece):08X}"
        out.append(f"{written}{extension}\r\n".encode() + piece + b"\r\n")
        at += size
        if len(out) > 400:
            out.append(f"{len(body) - at:x}\r\n".encode() + body[at:] + b"\r\n")
            break
    trailer = b"X-Trailer: 1\r\nX-Amz-Checksum: x\r\n" if odd and rng.random() < 0.5 else b""
    return [one for one in out if one[:2] != b"0\r"] + [b"0\r\n" + trailer + b"\r\n"]


def split(rng, text):
    if len(text) < 600 and rng.random() < 0.3:
        return [bytes([one]) for one in text]
    pieces, at = [], 0
    while at < len(text) and len(pieces) < 20:
        size = rng.choice((1, 5, 40, 300, 5000))
        pieces.append(text[at:at + size])
        at += size
    return [*pieces, text[at:]] if at < len(text) else pieces


# ---- what an HTTP client may do: each is answered as a call

def whole(rng, one, sign):
    return Form("whole", [with_length(one, sign(one), one.body)])


def pieces(rng, one, sign):
    return Form("pieces", split(rng, with_length(one, sign(one), one.body)))


def chunked(rng, one, sign):
    headers = [*sign(one), ("Transfer-Encoding", "chunked")]
    return Form("chunked", [head_of(one.method, one.target, headers),
                            *chunks_of(rng, one.body, odd=rng.random() < 0.5)])


def half_closed(rng, one, sign):
    return Form("half-closed", [with_length(one, sign(one), one.body)], "half-close")


def pipelined(rng, one, sign):
    count = rng.randrange(2, 12)
    text = with_length(one, sign(one), one.body)
    return Form("pipelined", split(rng, text * count) if rng.random() < 0.3 else [text * count],
                answers=count)


def expecting(rng, one, sign):
    headers = [*sign(one), ("Expect", "100-continue"), ("Content-Length", len(one.body))]
    return Form("expecting", [head_of(one.method, one.target, headers), one.body])


def last_one(rng, one, sign):
    version = rng.choice(("HTTP/1.1", "HTTP/1.0"))
    headers = [*sign(one), ("Connection", "close"), ("Content-Length", len(one.body))]
    return Form("last", [head_of(one.method, one.target, headers, version) + one.body], "last")


def packed(rng, one, sign):
    body = gzip.compress(one.body, 1)
    return Form("gzip", with_encoding(rng, one, body, "gzip", sign))


def packed_wrongly(rng, one, sign):
    packed_body = gzip.compress(one.body, 1)
    cut = rng.randrange(len(packed_body))
    body, encoding = rng.choice([
        (packed_body[:cut], "gzip"),
        (packed_body[:cut] + bytes([rng.randrange(256)]) + packed_body[cut + 1:], "gzip"),
        (packed_body + packed_body, "gzip"), (packed_body + b"tail", "gzip"), (b"", "gzip"),
        (gzip.compress(packed_body), "gzip, gzip"), (gzip.compress(packed_body), "gzip"),
        (zlib.compress(one.body), "deflate"), (one.body, "gzip"), (packed_body, "GZIP"),
        (packed_body, "br"), (packed_body, "identity"), (packed_body, "x-gzip"),
        (packed_body, "\xff\xfe")])
    return Form("gzip-wrong", with_encoding(rng, one, body, encoding, sign))


def bomb(rng, one, sign):
    size = rng.choice((BODY_BYTES_MAX - 1, BODY_BYTES_MAX, BODY_BYTES_MAX + 1, 100_000_000))
    body = gzip.compress(rng.choice((b"\0", b" ", b"[")) * size, 9)
    return Form("bomb", with_encoding(rng, one, body, "gzip", sign))


def with_encoding(rng, one, body, encoding, sign):
    one = one._replace(body=body)
    headers = [*sign(one), ("Content-Encoding", encoding)]
    return [with_length(one, headers, body)]


def at_the_limit(rng, one, sign):
    size = rng.choice((BODY_BYTES_MAX, BODY_BYTES_MAX - 1, 6 * 1024 * 1024, 1024 * 1024))
    one = one._replace(body=one.body + rng.choice((b" ", b"x", b"\xff")) * (size - len(one.body)))
    return Form("at-the-limit", [with_length(one, sign(one), one.body)])


def many_headers(rng, one, sign):
    headers = [*sign(one), *((f"X-Extra-{i}", "y" * rng.randrange(200)) for i in range(150))]
    return Form("many-headers", [with_length(one, headers, one.body)])


def other_words(rng, one, sign):
    """HTTP as it should be, but not what the service wants."""
    method = rng.choice(("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", one.method))
    target = rng.choice(("/", "*", "//", "/?", "/" + "a" * 2000, one.target + "%", one.target + "/..",
                         "/%00", "/-/status", "/-/health", "/metrics", "/prod/failover", one.target))
    service = rng.choice((one.service, "execute-api", "aurora-global", "s3", "nonsense"))
    one = one._replace(method=method, target=target, service=service)
    headers = [header for header in sign(one) if rng.random() < 0.95]
    return Form("other-words", [with_length(one, headers, one.body)], calls=False)


def bad_signature(rng, one, sign):
    name = rng.choice(("Authorization", "X-Amz-Date", "Host", "X-Amz-Content-SHA256"))
    value = rng.choice(("", "AWS4-HMAC-SHA256", "\xe4\xf6", "x" * 5000, "20260101T000000Z",
                        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0",
                        "AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=;;;;, Signature=",
                        "Basic eDp5"))
    headers = [(had, value if had == name else kept) for had, kept in sign(one)]
    return Form("bad-signature", [with_length(one, headers, one.body)])


# ---- what is no HTTP, or a client that goes away

def over_the_limit(rng, one, sign):
    if rng.random() < 0.5:
        headers = [*sign(one), ("X-Long", "y" * rng.choice((HEADER_BYTES_MAX, 1_000_000)))]
        return Form("header-too-large", [with_length(one, headers, one.body)],
                    "half-close", answers=None)
    headers = [*sign(one), ("Content-Length", BODY_BYTES_MAX + 1)]
    return Form("body-too-large", [head_of(one.method, one.target, headers), b"x" * 100_000],
                "half-close", answers=None)


def wrong_length(rng, one, sign):
    size = len(one.body)
    told = rng.choice((size + 1, size + 1000, -1, max(0, size - 1), 2 ** 63, 2 ** 64, 10 ** 30, "",
                       "0x10", "1 1", "+5", f"{size}, {size}", f"{size}, {size + 1}"))
    headers = [*sign(one), ("Content-Length", told)]
    return Form("wrong-length", [head_of(one.method, one.target, headers) + one.body],
                "half-close", answers=None)


def wrong_chunks(rng, one, sign):
    headers = [*sign(one), ("Transfer-Encoding", rng.choice(("chunked", "chunked, chunked",
                                                             "gzip, chunked", "identity", "x")))]
    if rng.random() < 0.3:
        headers.append(("Content-Length", len(one.body)))
    body = rng.choice((b"zz\r\nab\r\n0\r\n\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n",
                       b"fffffffffffffff0\r\nabc", b"5\r\nabc\r\n0\r\n\r\n", b"1\nx\n0\n\n",
                       b"1;" + b"e" * 100_000 + b"\r\nx\r\n0\r\n\r\n", b"0\r\n" + b"T: 1\r\n" * 9000,
                       b"00000000000000000000001\r\nx\r\n0\r\n\r\n",
                       b"".join(chunks_of(rng, one.body))[:-3]))
    return Form("wrong-chunks", [head_of(one.method, one.target, headers) + body], "half-close",
                answers=None)


def garbage(rng, one, sign):
    whole_text = with_length(one, sign(one), one.body)
    at = rng.randrange(min(len(whole_text), 400))
    text = rng.choice((
        bytes(rng.randrange(256) for _ in range(rng.randrange(200))),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n" * 50 + whole_text, whole_text.replace(b"\r\n", b"\n"),
        whole_text.replace(b"HTTP/1.1", b"HTTP/9.9", 1), whole_text.replace(b" ", b"  ", 1),
        whole_text.replace(b": ", b" : "), whole_text.replace(b"Host", b"Ho st", 1),
        whole_text.replace(b"\r\nHost", b"\r\n folded\r\nHost", 1),
        whole_text[:at] + bytes([rng.randrange(256)]) + whole_text[at + 1:],
        whole_text[:at] + b"\0" + whole_text[at:], whole_text + b"\0" * 1000))
    return Form("garbage", [text], "half-close", answers=None)


def gone(rng, one, sign):
    text = with_length(one, sign(one), one.body)
    cut = rng.randrange(len(text) + 1) if rng.random() < 0.7 else len(text)
    return Form("gone", [text[:cut]], rng.choice(("close", "reset")), answers=None)


FORMS = ([whole] * 30 + [pieces] * 8 + [chunked] * 12 + [half_closed] * 4 + [pipelined] * 3
         + [expecting] * 2 + [last_one] * 3 + [packed] * 5 + [packed_wrongly] * 5 + [many_headers] * 2
         + [other_words] * 8 + [bad_signature] * 4 + [over_the_limit] * 2 + [wrong_length] * 4
         + [wrong_chunks] * 4 + [garbage] * 6 + [gone] * 3)
RARE = [bomb, at_the_limit]  # Each costs as much as hundreds of others.

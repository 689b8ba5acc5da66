"""An object store in memory that speaks as much of S3 as a knowledge base needs, on a port of this machine."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape


def _pieces(stream: BinaryIO) -> bytes:
    """Content that is sent in pieces, each after a line with its length; trailers follow the last, of length 0."""
    content = b""
    while size := int(stream.readline().split(b";")[0], 16):
        content += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return content


class Handler(BaseHTTPRequestHandler):
    """Answers of the store; `server.objects` holds the content by "bucket/key"."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def objects(self) -> dict[str, bytes]:
        return self.server.objects

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        bucket, _, name = unquote(parts.path).lstrip("/").partition("/")
        return f"{bucket}/{name}" if name else bucket, {key: values[0] for key, values in query.items()}

    def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        body = b"" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode()
        self._say(status, body, Content_Type="application/xml")

    def _body(self) -> bytes:
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = _pieces(self.rfile) if chunked else self.rfile.read(int(self.headers.get("Content-Length", 0)))
        inner = "aws-chunked" in self.headers.get("Content-Encoding", "")
        return _pieces(BytesIO(body)) if inner else body

    def do_HEAD(self):
        key, _ = self._asked()
        if "/" not in key:
            return self._say(200)
        if key not in self.objects:
            return self._error(404, "NoSuchKey")
        content = self.objects[key]
        self.send_response(200)
        for name, value in (("Content-Length", str(len(content))), *self._about(content)):
            self.send_header(name, value)
        self.end_headers()

    @staticmethod
    def _about(content: bytes) -> tuple[tuple[str, str], ...]:
        tag = hashlib.md5(content).hexdigest()
        return ("ETag", f'"{tag}"'), ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")

    def do_GET(self):
        key, query = self._asked()
        if "/" not in key:
            return self._list(key, query)
        if key not in self.objects:
            return self._error(404, "NoSuchKey")
        content, status, headers = self.objects[key], 200, {}
        if span := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            n = len(content)
            start = int(span[1]) if span[1] else n - int(span[2])
            stop = min(int(span[2]) + 1 if span[1] and span[2] else n, n)
            status, headers = 206, {"Content_Range": f"bytes {start}-{stop - 1}/{n}"}
        about = {name.replace("-", "_"): value for name, value in self._about(content)}
        body = content[start:stop] if status == 206 else content
        self._say(status, body, **about, **headers)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries, folders = [], {}
        for name in sorted(self.objects):
            key = name.removeprefix(f"{bucket}/")
            if not key.startswith(prefix) or key <= query.get("start-after", ""):
                continue
            inside, found, _ = key.removeprefix(prefix).partition(delimiter or "\0")
            if delimiter and found:
                folders[prefix + inside + delimiter] = None
                continue
            content = self.objects[name]
            entries.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
                f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{self._about(content)[0][1]}</ETag>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        entries += [f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders]
        body = (
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries)}"
            f"</KeyCount><MaxKeys>100000</MaxKeys><IsTruncated>false</IsTruncated>{''.join(entries)}"
            "</ListBucketResult>"
        )
        self._say(200, body.encode(), Content_Type="application/xml")

    def do_PUT(self):
        key, query = self._asked()
        body = self._body()
        if "/" not in key:
            return self._say(200)
        if "uploadId" in query:
            self.server.parts[query["uploadId"], int(query["partNumber"])] = body
            return self._say(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        if source := self.headers.get("x-amz-copy-source"):
            body = self.objects[unquote(source).lstrip("/")]
        if not self._put(key, body):
            return self._error(412, "PreconditionFailed")
        if source:
            return self._say(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
        return self._say(200, ETag=self._about(body)[0][1])

    def _put(self, key: str, body: bytes) -> bool:
        """Keep an object; not where it has to be new and is there. One request at a time."""
        with self.server.one_at_a_time:
            if self.headers.get("If-None-Match") == "*" and key in self.objects:
                return False
            self.objects[key] = body
        return True

    def do_POST(self):
        key, query = self._asked()
        body = self._body()
        if "delete" in query:
            names = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for name in names:
                self.objects.pop(f"{key}/{unescape(name)}", None)
            said = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in names)
            answer = f"<DeleteResult>{said}</DeleteResult>"
            return self._say(200, answer.encode(), Content_Type="application/xml")
        bucket, _, name = key.partition("/")
        ids = f"<Bucket>{bucket}</Bucket><Key>{escape(name)}</Key>"
        if "uploads" in query:
            self.server.uploads += 1
            answer = f"{ids}<UploadId>{self.server.uploads}</UploadId>"
            answer = f"<InitiateMultipartUploadResult>{answer}</InitiateMultipartUploadResult>"
            return self._say(200, answer.encode(), Content_Type="application/xml")
        parts = sorted((n, part) for (own, n), part in self.server.parts.items() if own == query["uploadId"])
        if not self._put(key, b"".join(part for _, part in parts)):
            return self._error(412, "PreconditionFailed")
        answer = f'<CompleteMultipartUploadResult>{ids}<ETag>"x"</ETag></CompleteMultipartUploadResult>'
        return self._say(200, answer.encode(), Content_Type="application/xml")

    def do_DELETE(self):
        key, query = self._asked()
        if "uploadId" not in query:
            self.objects.pop(key, None)
        self._say(204)


def environment(address: str) -> dict[str, str]:
    """Variables by which S3 addresses lead to the store, in this process and in others."""
    return {
        "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


@contextmanager
def object_store() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Address and content of a running store."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.objects, server.parts, server.uploads = {}, {}, 0
    server.one_at_a_time = threading.Lock()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A server of the Hub's API on this machine, as far as its client needs it to push and to pull; and its faults.

Repositories are commits of name -> bytes. What the client asks for is in `Hub.asked`, for tests to look at.
"""

import base64
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.hub.xet import Storage, StoredFile

TOKEN = "hf_test"
_LARGE = (".safetensors", ".parquet")


@dataclass
class Repo:
    """One repository: its commits by their hash, and where branches and tags point."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, ref: str, files: dict[str, bytes]) -> str:
        text = f"{len(self.commits)} {sorted((k, hashlib.sha1(v).hexdigest()) for k, v in files.items())}"
        name = hashlib.sha1(text.encode()).hexdigest()
        self.commits[name] = files
        self.refs[ref] = name
        return name


@dataclass
class Hub:
    """The state of the server, and how it misbehaves.

    cut: bytes after which the next download of a large file breaks off, once. limited: how many requests are answered
    with 429. sizes: operations of each commit. xet: where the Xet client stores files; None refuses it.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    cut: int = 0
    limited: int = 0
    xet: Storage | None = None
    url: str = ""
    storage_token: str = "xet"

    def downloads(self, suffix: str = "") -> list[str]:
        """The files that were downloaded, in their order."""
        paths = [line.split(" ", 1)[1] for line in self.asked if line.startswith("GET ") and "/resolve/" in line]
        return [name for path in paths if (name := path.split("/resolve/")[1].split("/", 1)[1]).endswith(suffix)]


def serve(hub: Hub) -> ThreadingHTTPServer:
    """Starts the server on a free port of this machine."""

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        self.route(b"")

    do_HEAD = do_GET

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return self.route(b"".join(parts))
        return self.route(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_PUT = do_POST

    # ---- answers ----------------------------------------------------------------------------------------------------

    def answer(self, status, content=b"", **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def fail(self, status, code):
        self.answer(status, {"error": code}, X_Error_Code=code, X_Error_Message=code)

    def route(self, body):
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append(f"{self.command} {path}")
        if self.state.limited:
            self.state.limited -= 1
            return self.answer(429, {"error": "rate"}, Retry_After="7")
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if path.startswith("/store/"):
            self.state.blobs[path.removeprefix("/store/")] = body
            return self.answer(200)
        if self.state.xet is not None and (found := re.fullmatch(r"/(v1|xorb)/(.+)", path)):
            return self.store(self.state.xet, *found.groups(), body)
        for pattern, act in self.routes():
            if found := re.fullmatch(pattern, path):
                kind, name, *rest = found.groups()
                key = ("datasets/" if kind and kind.startswith("datasets") else "") + name
                return self.in_repo(key, act, rest, body)
        return self.fail(404, "NoSuchRoute")

    def routes(self):
        api = r"/api/(models|datasets)/([\w.-]+/[\w.-]+?)"
        plain = r"/(datasets/)?([\w.-]+/[\w.-]+?)"
        return (
            (api + r"/preupload/(.+)", self.preupload),
            (api + r"/commit/(.+)", self.commit),
            (api + r"/branch/(.+)", self.branch),
            (api + r"/xet-(read|write)-token/(.+)", self.xet_token),
            (api + r"/tree/([^/]+)", self.tree),
            (api + r"(?:/revision/(.+))?", self.info),
            (plain + r"\.git/info/lfs/objects/batch", self.batch),
            (plain + r"/resolve/([^/]+)/(.+)", self.resolve),
        )

    def in_repo(self, key, act, rest, body):
        repo = self.state.repos.get(key)
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not known):
            return self.fail(404 if known else 401, "RepoNotFound")
        if self.command == "POST" and not known:
            return self.fail(403, "Forbidden")
        return act(key, repo, *rest, body=body)

    def files(self, repo, ref):
        """The commit that a revision means and its files; None after an answer that there is none."""
        commit = repo.refs.get(ref or "main", ref)
        if commit not in repo.commits:
            self.fail(404, "RevisionNotFound")
            return None
        return commit, repo.commits[commit]

    # ---- writing ----------------------------------------------------------------------------------------------------

    def create(self, asked):
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.fail(401, "Unauthorized")
        name = f"{asked['organization']}/{asked['name']}"
        key = ("datasets/" if asked.get("type") == "dataset" else "") + name
        url = {"url": f"{self.state.url}/{key}", "name": name}
        if key in self.state.repos:
            return self.answer(409, {**url, "error": "exists"})
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.state.repos[key] = Repo(private)
        self.state.repos[key].commit("main", {".gitattributes": b""})
        return self.answer(200, url)

    def preupload(self, key, repo, ref, body):
        files = repo.commits[repo.refs.get(ref, repo.refs["main"])]
        answer = []
        for file in json.loads(body)["files"]:
            own = files.get(file["path"])
            large = file["path"].endswith(_LARGE)
            answer.append({"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
                           "oid": _oid(own, large) if own is not None else None})  # fmt: skip
        self.answer(200, {"files": answer})

    def batch(self, key, repo, body):
        objects = []
        for each in json.loads(body)["objects"]:
            there = {} if each["oid"] in self.state.blobs else {
                "actions": {"upload": {"href": f"{self.state.url}/store/{each['oid']}", "header": {}}}}  # fmt: skip
            objects.append({**each, **there})
        self.answer(200, {"objects": objects, "transfer": "basic"})

    def commit(self, key, repo, ref, body):
        lines = [json.loads(line) for line in body.splitlines()]
        files = dict(repo.commits[repo.refs[ref]])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                stored = None if self.state.xet is None else self.state.xet.by_sha.get(value["oid"])
                files[value["path"]] = stored if stored is not None else self.state.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"])
        self.state.sizes.append(sum(line["key"] != "header" for line in lines))
        name = repo.commit(ref, files)
        self.answer(200, {"commitUrl": f"{self.state.url}/{key}/commit/{name}", "commitOid": name})

    def branch(self, key, repo, ref, body):
        repo.refs.setdefault(ref, repo.refs["main"])
        self.answer(200, {})

    # ---- Xet --------------------------------------------------------------------------------------------------------

    def xet_token(self, key, repo, kind, ref, body):
        if self.state.xet is None:
            return self.fail(404, "NoXet")
        url, token, end = self.state.url, "xet", int(time.time()) + 3600
        self.answer(200, {"casUrl": url, "accessToken": token, "exp": end}, X_Xet_Cas_Url=url,
                    X_Xet_Access_Token=token, X_Xet_Token_Expiration=str(end))  # fmt: skip

    def store(self, storage, room, rest, body):
        kind, _, name = rest.partition("/")
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(span.group(1)), int(span.group(2) or 10**12)) if span else (0, 10**12)
        if room == "xorb":
            part = storage.xorbs[rest][start : end + 1]
            return self.answer(
                206, part, Content_Range=f"bytes {start}-{start + len(part) - 1}/{len(storage.xorbs[rest])}"
            )
        if self.headers.get("Authorization") != f"Bearer {self.state.storage_token}":
            return self.fail(401, "NoToken")
        if kind == "xorbs" and self.command == "POST":
            storage.xorbs[name.rpartition("/")[2]] = body
            return self.answer(200, {"was_inserted": True})
        if kind == "shards" and self.command == "POST":
            storage.add_shard(body)
            return self.answer(200, {"result": 1})
        if kind == "reconstructions" and (found := storage.reconstruction(name, self.state.url, start)):
            return self.answer(200, found)
        return self.fail(416 if kind == "reconstructions" and name in storage.by_name else 404, "NotFound")

    # ---- reading ----------------------------------------------------------------------------------------------------

    def info(self, key, repo, ref, body):
        if found := self.files(repo, ref):
            siblings = [{"rfilename": name} for name in found[1]]
            name = key.removeprefix("datasets/")
            self.answer(200, {"_id": "0", "id": name, "sha": found[0], "private": repo.private, "siblings": siblings,
                              "tags": [], "downloads": 0, "likes": 0})  # fmt: skip

    def tree(self, key, repo, ref, body):
        if found := self.files(repo, ref):
            self.answer(200, [{"type": "file", "path": name, "size": len(content), "oid": _oid(content, False)}
                              for name, content in found[1].items()])  # fmt: skip

    def resolve(self, key, repo, ref, name, body):
        found = self.files(repo, ref)
        if not found:
            return None
        commit, files = found
        if name not in files:
            return self.answer(404, {}, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        content = files[name]
        if isinstance(content, StoredFile):
            return self.stored(key, ref, commit, content)
        large = name.endswith(_LARGE)
        headers = {"ETag": f'"{_oid(content, large)}"', "X_Repo_Commit": commit, "Accept_Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked:
            start = int(asked.group(1))
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.answer(206, content[start:], **headers)
        if self.state.cut and large and self.command == "GET":
            self.send_response(200)
            for key_, value in {**headers, "Content_Length": str(len(content))}.items():
                self.send_header(key_.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content[: self.state.cut])
            self.state.cut = 0
            self.close_connection = True
            return None
        return self.answer(200, content, **headers)

    def stored(self, key, ref, commit, file):
        """The answer for a file whose bytes lie in xorbs: where they are to be asked for."""
        kind = "datasets" if key.startswith("datasets/") else "models"
        route = f"{self.state.url}/api/{kind}/{key.removeprefix('datasets/')}/xet-read-token/{commit}"
        self.answer(200, b"", ETag=f'"{file.sha256}"', X_Repo_Commit=commit, X_Linked_Size=str(file.size),
                    X_Linked_Etag=f'"{file.sha256}"', X_Xet_Hash=file.name, X_Xet_Refresh_Route=route)  # fmt: skip


def _oid(content, large):
    """A file's name in git: of large ones their SHA-256, of others git's own hash."""
    if isinstance(content, StoredFile):
        return content.sha256
    return (hashlib.sha256(content) if large else hashlib.sha1(b"blob %d\0" % len(content) + content)).hexdigest()

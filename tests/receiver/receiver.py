"""A receiver of callbacks as somebody else would write it: HTTPS by Python's own server, verified with the published library
`standardwebhooks`. It prints a line of JSON for each request, and answers by the path:

/ok            204 where the signature is good, else 401
/down/N/NAME   503 the first N times of that NAME, then as /ok
/busy/NAME     429 with Retry-After: 2 the first time of that NAME, then as /ok
/gone          410
/redirect      307 to /ok
/slow          as /ok, after 30 s
/hold/NAME     no answer at all the first time of that NAME, then as /ok
/endless       200 and a body without end
"""

import argparse
import collections
import http.server
import json
import os
import ssl
import sys
import threading
import time

from standardwebhooks import Webhook, WebhookVerificationError

lock = threading.Lock()
seen = collections.Counter()
speaking = threading.Lock()


def say(line):
    with speaking:  # A line is one line, whoever else speaks.
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            Webhook(os.environ["RECEIVER_SECRET"]).verify(body, dict(self.headers))
            verified = True
        except WebhookVerificationError:
            verified = False
        with lock:
            seen[self.path] += 1
            times = seen[self.path]
            line = {"path": self.path, "times": times, "verified": verified, "at": time.time()}
            line.update(headers={k.lower(): v for k, v in self.headers.items()}, body=json.loads(body))
            say("received " + json.dumps(line))
        what, *more = self.path.strip("/").split("?")[0].split("/")
        if what == "down" and times <= int(more[0]):
            self.answer(503)
        elif what == "busy" and times == 1:
            self.answer(429, ("retry-after", "2"))
        elif what == "gone":
            self.answer(410)
        elif what == "redirect":
            self.answer(307, ("location", "/ok"))
        elif what == "endless":
            self.pour()
        else:
            if what == "slow" or (what == "hold" and times == 1):
                time.sleep(30)
            self.answer(204 if verified else 401)

    def answer(self, status, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def pour(self):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        poured = 0
        try:
            while True:
                self.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                poured += 4096
        except OSError:
            say(f"poured {poured}")

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def finish_request(self, request, client_address):
        try:
            request.do_handshake()
            super().finish_request(request, client_address)
        except OSError:
            pass  # The other side doesn't trust the certificate, or is gone.


parser = argparse.ArgumentParser()
parser.add_argument("--certificate", required=True)
parser.add_argument("--key", required=True)
arguments = parser.parse_args()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(arguments.certificate, arguments.key)
# Every address of this machine leads here: what is refused is refused by the caller.
server = Server(("0.0.0.0", 0), Receiver)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
say(f"listening on {server.server_address[1]}")
server.serve_forever()

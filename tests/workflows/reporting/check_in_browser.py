"""Opens a page of 'eddyline report' in a browser without a window: check_in_browser.py PAGE.html

Fails on whatever the console says, on a picture that is not shown, and where the page asks for anything but itself. It is
served by this program; every other address leads nowhere. Exit 77: neither Chromium, Chrome nor Firefox is on PATH."""
import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

LONGEST = 120  # seconds that a browser may take
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FIREFOX = ("firefox", "firefox-esr")
NO_NETWORK = """
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1"); user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1"); user_pref("network.proxy.ssl_port", 9);
user_pref("network.proxy.no_proxies_on", "127.0.0.1");
user_pref("devtools.console.stdout.content", true);
"""
# Before all else in the page; says what was seen once all is loaded.
WATCH = """<script>
const wrong = [];
addEventListener("error", e => wrong.push(e.message || "cannot load " + (e.target.src || e.target.href)), true);
addEventListener("unhandledrejection", e => wrong.push(String(e.reason)));
console.error = (...words) => wrong.push(words.join(" "));
addEventListener("load", async () => {
  const pictures = [...document.images];
  for (const picture of pictures) await picture.decode().catch(e => wrong.push(picture.alt + ": " + e));
  const asked = performance.getEntriesByType("resource").map(e => e.name).filter(name => !name.startsWith("data:"));
  const widths = pictures.map(picture => [picture.alt, picture.naturalWidth]);
  await fetch("/seen", {method: "POST", body: JSON.stringify({wrong, asked, widths})});
});
</script>"""


def handler_of(page, seen, asked):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/":
                asked.append(self.path)
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def do_POST(self):
            seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


def command_of(browser, folder, address):
    if os.path.basename(browser) in FIREFOX:
        (folder / "user.js").write_text(NO_NETWORK)
        return [browser, "--headless", "--no-remote", "--profile", str(folder), address]
    return [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={folder}", address]


def open_in(browser, page):
    """What the page saw in it, what the browser asked for besides, and what its console said."""
    seen, asked = queue.Queue(), []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(page, seen, asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, tempfile.TemporaryFile("w+") as said:
        command = command_of(browser, pathlib.Path(name), f"http://127.0.0.1:{server.server_port}/")
        running = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            found = seen.get(timeout=LONGEST)
        except queue.Empty:
            found = {"wrong": [f"{browser} did not load it in {LONGEST} s"], "asked": [], "widths": []}
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        said.seek(0)
        console = [line.strip() for line in said if "CONSOLE" in line or line.startswith("console.")]
    server.shutdown()
    return found, asked, console


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    browser = next(filter(None, map(shutil.which, CHROMIUM + FIREFOX)), None)
    if browser is None:
        print(f"skipped: none of {', '.join(CHROMIUM + FIREFOX)} is on PATH")
        sys.exit(77)
    found, asked, console = open_in(browser, text.replace("<head>", "<head>" + WATCH, 1).encode())
    wrong = found["wrong"] + console + [f"it asks for {name}" for name in asked + found["asked"]]
    wrong += [f"not shown: {alt}" for alt, width in found["widths"] if width == 0]
    if len(found["widths"]) != text.count("<img "):
        wrong.append(f"{len(found['widths'])} of {text.count('<img ')} pictures are there")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{os.path.basename(browser)}: {len(found['widths'])} pictures, nothing on the console, nothing asked for")


main()

"""Ways into the built book that its authors do not choose: servers, files, frames, and browsers that refuse something.

In each, figures play, the theme changes, and the search opens. One script tries all of it, in Chromium and in Firefox.
"""

import base64
import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
import zlib
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from support.browser import WHOLE_CHROMIUM, QuietHandler, needs_chromium, serve
from support.firefox import firefox, needs_firefox
from support.live_pages import arrive, drive, start, wait_for_step

pytestmark = needs_chromium
SHORT = "book/05_baselines.html"
FEEDBACK = "book/10_human_feedback.html"  # has a figure that trains, and clicks
NAMES = "book/11_names.html"  # the same, with weights
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
# Endings that IIS answers with 404 unless somebody adds them are all but these, of those that a book could have.
IIS = {".html", ".css", ".js", ".json", ".svg", ".png", ".ico", ".txt", ".woff", ".woff2", ".ttf", ".map"}

# What a reader does on a page: it changes the theme, opens the search, plays the first figure, and clicks on a pair.
TRY = """async () => {
  const wait = milliseconds => new Promise(next => setTimeout(next, milliseconds));
  const until = async holds => { for (let i = 0; i < 1500 && !holds(); i++) await wait(20); return holds(); };
  const {dataset} = document.documentElement;
  const modes = new Set();
  for (let i = 0; i < 3; i++) {
    document.querySelector(".theme-switch-button").click();
    modes.add(dataset.mode);
  }
  document.querySelector(".search-button, .search-button__button").click();
  const search = document.querySelector("dialog[open] input[type=search]");
  search?.closest("dialog").close();
  const element = document.querySelector("figure.baby-live");
  element.scrollIntoView();
  const settled = await until(() => ["ready", "failed"].includes(element.dataset.state));
  const press = name => [...element.querySelectorAll("button")].find(one => one.textContent === name).click();
  if (element.dataset.state === "ready") {
    press("Reset");
    await until(() => element.liveFigure.frame.step === 0);
    press("Play");
  }
  const plays = settled && await until(() => element.liveFigure.frame.step > 2);
  element.liveFigure.pause();
  document.querySelector(".baby-clicks-choice")?.click();
  const clicked = document.querySelector(".baby-clicks-status")?.textContent ?? "";
  return {modes: [...modes].sort(), search: Boolean(search), plays, clicked, word: element.innerText.slice(-300)};
}"""


def check(tried: dict) -> None:
    """All that `TRY` tried has come about."""
    assert tried["modes"] == ["auto", "dark", "light"]
    assert tried["search"]
    assert tried["plays"], tried["word"]
    assert "0 clicks" not in tried["clicked"]


class Unknown(QuietHandler):
    """A server that has no file with an ending that it does not know, as IIS."""

    def send_head(self):
        known = Path(self.path.split("?")[0]).suffix in IIS
        return super().send_head() if known else self.send_error(404)


class PlainText(QuietHandler):
    """A server that calls scripts plain text, as Python's where a Windows registry does."""

    def guess_type(self, path):
        return "text/plain" if path.endswith(".js") else super().guess_type(path)


class NoSniff(PlainText):
    """And forbids browsers to look for themselves."""

    def end_headers(self):
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


@contextmanager
def stock_nginx(folder: Path, prefix: Path):
    """Serve a folder with nginx as Debian configures it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (prefix / "nginx.conf").write_text(
        "daemon off; master_process off; pid nginx.pid; events {} http { include /etc/nginx/mime.types;"
        " default_type application/octet-stream; gzip on; access_log off; client_body_temp_path b; proxy_temp_path p;"
        " fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;"
        f' server {{ listen 127.0.0.1:{port}; root "{folder}"; }} }}',
        "utf-8",
    )
    command = [NGINX, "-p", str(prefix), "-c", "nginx.conf", "-e", "error.log"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}/"
        while process.poll() is None:
            try:
                urlopen(address, timeout=10).close()
                break
            except URLError:
                continue
        yield address
        process.terminate()
    assert process.returncode == 0, (prefix / "error.log").read_text("utf-8")


@contextmanager
def door(name: str, folder: Path, prefix: Path):
    """Open a door: the address of the book behind it."""
    if name == "a file":
        yield f"{folder.as_uri()}/"
    elif name == "nginx":
        if NGINX is None:
            pytest.skip("no nginx on this machine: `apt-get install nginx-light` makes this test run")
        with stock_nginx(folder, prefix) as address:
            yield address
    else:
        handler = {"unknown endings": Unknown, "plain text": PlainText, "nosniff": NoSniff}[name]
        with http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        ) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()


@contextmanager
def tab(context, expected: str = "nothing"):
    """A tab of a new reader; nothing may go wrong in it but what is expected."""
    context.route("**/mathjax/**", lambda route: route.fulfill(body="", content_type="text/javascript"))  # is slow
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [one for one in wrong if expected not in one] == []


@pytest.mark.parametrize(
    ("name", "page_name"),
    [
        ("nginx", FEEDBACK),
        ("nginx", NAMES),
        ("unknown endings", FEEDBACK),
        ("plain text", FEEDBACK),
        ("a file", FEEDBACK),
    ],
)
def test_a_page_works_from_any_server_and_from_none(browser, html_dir, tmp_path, name, page_name):
    with door(name, html_dir, tmp_path) as address, tab(browser.new_context()) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + page_name)
        check(page.evaluate(TRY))
        assert {Path(url.split("?")[0]).suffix for url in asked if url.startswith(address)} <= IIS


def test_where_a_server_forbids_to_look_the_picture_and_a_sentence_remain(browser, html_dir, tmp_path):
    """Browsers then refuse scripts that are called plain text; `book/teaching.md` says so."""
    with door("nosniff", html_dir, tmp_path) as address:
        page = browser.new_page()
        page.goto(address + SHORT)
        figure = page.locator("figure.baby-live").first
        figure.locator("svg[role=img]").first.wait_for()
        assert "With JavaScript, the figure runs here" in figure.inner_text()
        page.close()


REFUSED = """() => { try { return !(localStorage instanceof Storage); } catch { return true; } }"""
KEPT_NOWHERE = "This browser keeps nothing"


@pytest.mark.skipif(WHOLE_CHROMIUM is None, reason="the one without windows has no settings of cookies")
def test_a_page_works_with_all_cookies_blocked(browser, site, tmp_path):
    (tmp_path / "Default").mkdir()
    settings = '{"profile": {"default_content_setting_values": {"cookies": 2}}}'
    (tmp_path / "Default" / "Preferences").write_text(settings, "utf-8")
    kind = browser.browser_type
    context = kind.launch_persistent_context(tmp_path, executable_path=WHOLE_CHROMIUM, args=["--no-sandbox"])
    with tab(context) as page:
        page.goto(site + FEEDBACK)
        assert page.evaluate(REFUSED)
        tried = page.evaluate(TRY)
        check(tried)
        assert KEPT_NOWHERE in tried["clicked"]


def test_a_page_works_where_no_room_is_left_in_the_storage(browser, site):
    with tab(browser.new_context()) as page:
        page.add_init_script("localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark');")
        page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }")
        page.goto(site + FEEDBACK)
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"  # what is there is still read
        tried = page.evaluate(TRY)
        check(tried)
        assert KEPT_NOWHERE in tried["clicked"]


@contextmanager
def framed(site: str, folder: Path, page_name: str, sandbox: str = ""):
    """A page of the book in another site's frame: the address of that site's page."""
    html = f'<!doctype html><title>t</title><link rel="icon" href="data:,"><iframe {sandbox} width="900" height="700"'
    html += f' src="{site}{page_name}"></iframe>'
    (folder / "host.html").write_text(html, "utf-8")
    with serve(folder) as address:
        yield f"{address.replace('127.0.0.1', 'localhost')}host.html"


@pytest.mark.parametrize("sandbox", ["", 'sandbox="allow-scripts"'])
def test_a_page_works_in_another_sites_frame_and_shows_the_link_that_it_may_not_copy(browser, site, tmp_path, sandbox):
    with framed(site, tmp_path, FEEDBACK, sandbox) as address, tab(browser.new_context(), "Clipboard API") as page:
        # a sandbox gets no fonts from its own site; icons come from a script anyhow
        page.route("**/webfonts/*", lambda route: route.fulfill(headers={"Access-Control-Allow-Origin": "*"}))
        page.goto(address)
        frame = page.frames[1]
        tried = frame.evaluate(TRY)
        check(tried)
        assert frame.evaluate(REFUSED) == (KEPT_NOWHERE in tried["clicked"])
        figure = frame.locator("figure.baby-live").first
        height = figure.evaluate("figure => figure.getBoundingClientRect().height")
        frame.evaluate("document.execCommand = () => false")  # not even what is selected may be copied
        figure.get_by_role("button", name="Copy a link to this state").click()
        link = figure.get_by_role("textbox", name="A link to this state")
        shown = link.input_value()
        assert shown == drive(figure, "return figure.address()")
        assert shown.startswith(f"{site}{FEEDBACK}?figure=1&")
        assert link.evaluate("link => link.value.slice(link.selectionStart, link.selectionEnd)") == shown
        assert figure.evaluate("figure => figure.getBoundingClientRect().height") == height


@pytest.fixture(scope="module")
def fox():
    """A Firefox that stores nothing for any site."""
    with firefox({"network.cookie.cookieBehavior": 2}) as fox:
        yield fox


@needs_firefox
@pytest.mark.parametrize("way", ["a server", "a file", "a frame"])
def test_a_page_works_in_a_firefox_that_stores_nothing(fox, site, html_dir, tmp_path, way):
    with framed(site, tmp_path, FEEDBACK, 'sandbox="allow-scripts"') as host:
        fox.go({"a server": site + FEEDBACK, "a file": (html_dir / NAMES).as_uri(), "a frame": host}[way])
        frame = fox.frame() if way == "a frame" else None
        assert fox.run(REFUSED, frame=frame)
        tried = fox.run(TRY, frame=frame)
        check(tried)
        assert KEPT_NOWHERE in tried["clicked"]


def test_a_run_goes_on_after_a_sleep(browser, site):
    """The browser is stopped for half a minute by its own clock, as where a laptop is closed."""
    with tab(browser.new_context()) as page:
        page.goto(site + FEEDBACK)
        figure = start(page)
        devtools = page.context.new_cdp_session(page)
        figure.get_by_role("button", name="Play", exact=True).click()
        wait_for_step(figure, 5)
        devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
        step = drive(figure, "return figure.frame.step")
        page.evaluate("() => { const now = performance.now.bind(performance); performance.now = () => now() + 33e3; }")
        devtools.send("Page.setWebLifecycleState", {"state": "active"})
        wait_for_step(figure, step + 5)
        assert drive(figure, "return [figure.element.dataset.state, figure.trouble.length]") == ["ready", 0]


def colors(pdf: bytes) -> set[bytes]:
    """The colors that a PDF fills and strokes with."""
    found = set()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            plain = zlib.decompressobj().decompress(stream)  # whole, also where its last byte, a "\r", is not in it
            found |= set(re.findall(rb"(?:[\d.]+ ){3}(?:rg|RG)\b", plain))
        except zlib.error:
            continue  # a picture or a font
    return found


def test_a_page_prints_from_dark_as_from_light(browser, site):
    with tab(browser.new_context(color_scheme="dark")) as page:
        page.goto(site + SHORT)
        arrive(page)
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        dark = colors(page.pdf())
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.emulate_media(color_scheme="light")
        page.wait_for_function("document.documentElement.dataset.theme === 'light'")
        assert len(dark) > 5
        assert dark == colors(page.pdf())


# Waits until the first figure shows its own picture.
SETTLES = """async () => {
  const figure = document.querySelector("figure.baby-live");
  figure.scrollIntoView();
  while (figure.dataset.state !== "ready") await new Promise(next => setTimeout(next, 20));
}"""


@needs_firefox
def test_firefox_prints_from_dark_as_from_light(fox, site):
    fox.go(site + SHORT)
    fox.run(SETTLES)
    printed = {}
    for theme in ("dark", "light"):
        fox.run("theme => { document.documentElement.dataset.theme = theme; }", theme)
        pdf = fox.ask("browsingContext.print", context=fox.tab)["data"]
        printed[theme] = colors(base64.b64decode(pdf))
    assert len(printed["dark"]) > 5
    assert printed["dark"] == printed["light"]


# Whether an element can be told from what is behind it.
SHOWS = """element => {
  const {backgroundColor, width} = getComputedStyle(element);
  return parseFloat(width) > 0 && backgroundColor !== getComputedStyle(document.body).backgroundColor;
}"""


def test_bars_sliders_and_chips_show_in_forced_colors(browser, site):
    with tab(browser.new_context(forced_colors="active")) as page:
        page.goto(site + FEEDBACK)
        for _ in range(5):
            page.locator(".baby-clicks-choice").first.click()
        shown = [bar.evaluate(SHOWS) for bar in page.locator(".baby-clicks-fill").all()]
        assert sum(shown) > 3
        figure = arrive(page)
        slider = figure.locator(".baby-controls input[type=range]").first
        assert slider.evaluate("slider => getComputedStyle(slider).appearance") == "auto"  # the system draws it
        fills = "svg => [...svg.querySelectorAll('rect')].map(one => getComputedStyle(one).fill)"
        assert len(set(figure.locator(".baby-chips svg").first.evaluate(fills))) > 1

"""Each live figure of the pages as a file of its own: ``figures/<chapter>-<n>.html``."""

import html
import itertools
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from _site.modules import DATA
from _site.npm import minified
from rlhf_helpers._html import in_script
from rlhf_helpers.live.page.document import document, figure_script, needs_weights, title_of, unused


def address_of(config) -> str:
    """Where the book is published: ``html: baseurl`` of _config.yml, or GitHub Pages of the repository named there."""
    if config.html_baseurl:
        return f"{config.html_baseurl.rstrip('/')}/"
    owner, name = urlsplit(config.html_theme_options["repository_url"]).path.strip("/").split("/")
    return f"https://{owner}.github.io/{name}/"


def name_files(app, pagename, templatename, context, doctree) -> None:
    """Tell the figures of a page which file each of them is in: its name, address and size, and where it comes from."""
    site, numbers = address_of(app.config), itertools.count(1)
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title", "")))

    def with_file(found: re.Match) -> str:
        data = json.loads(found[1])
        name = f"{Path(pagename).name}-{next(numbers)}.html"
        file = {"name": name, "address": f"{site}figures/{name}", "home": [f"{site}{pagename}.html", title]}
        data["file"] = file | {"title": title_of(data["caption"]), "weights": needs_weights(data)}
        data["file"]["kilobytes"] = round(len(text_of(data)) / 1000)
        return found[0].replace(found[1], in_script(data))

    if "baby-live-data" in context.get("body", ""):
        context["body"] = DATA.sub(with_file, context["body"])


def write_files(app, exception) -> None:
    """Write the files that the finished pages name, always all of them: a script may have changed, and no page."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir, "figures")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in app.env.found_docs:  # pages that are no longer in the book may still lie there
        for found in DATA.findall(Path(app.outdir, f"{name}.html").read_text("utf-8")):
            data = json.loads(found)
            (folder / data["file"]["name"]).write_text(text_of(data), "utf-8")


def text_of(data: dict) -> str:
    """The file of a figure."""
    figure = {key: value for key, value in data.items() if key != "file"}
    number = re.search(r"(\d+)\.html$", data["file"]["name"])[1]
    script = minified(figure_script(unused(data)))
    return document(figure, home=data["file"]["home"], name=number, script=script)
